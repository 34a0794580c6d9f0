"""The folder of a run: its plan, its finished batches, and the run assembled from them.

<run>/plan.json                everything that affects the images
<run>/journal/<batch>.json     the rows of one batch, written after its images
<run>/samples.csv, run.json    written last, after all batches; plan and journal are then removed
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoactgen_bench.artifacts.batch_journal import OK, BatchJournal, Row
from egoactgen_bench.artifacts.manifest_base import build
from egoactgen_bench.artifacts.manifests import RUN, RunManifest
from egoactgen_bench.artifacts.runs import COLUMNS, Run, load_run
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.support.files import sha256_file, write_csv
from egoactgen_bench.support.replacing import remove_abandoned
from egoactgen_bench.support.safe_names import is_safe_id

if TYPE_CHECKING:
    import pandas as pd


Facts = Callable[[list[dict[str, Any]]], dict[str, Any]]


class RunJournal:
    """The folder of a run with `batches` batches; several processes may write to it."""

    def __init__(self, folder: Path, plan: dict[str, Any], batches: int) -> None:
        self.folder = folder
        self.plan = plan
        self.work = WorkFolder(
            folder / RUN, RunManifest, plan, folder / PLAN, elsewhere="--name or --out"
        )
        self.batches = BatchJournal(folder / "journal", plan, batches, self._is_whole)

    @property
    def finished(self) -> bool:
        return self.work.finished

    def begin(self, overwrite: bool, own: Iterable[int]) -> None:
        """Write the plan; to `overwrite`, first remove the run and this process's `own` batches."""
        self.work.begin(overwrite, lambda: self._forget(own))

    def partial(self, batches: Iterable[int]) -> Run:
        """A run of only these batches, while others are missing; its manifest has no counts."""
        try:
            table = self._table(self.batches.rows(batches))
        except FileNotFoundError:  # removed by a process that has just completed the run
            return load_run(self.folder)
        return Run(self.folder, build(RunManifest, self.plan), table)

    def assemble(self, passed: dict[str, Any], facts: Facts) -> Run | None:
        """Write samples.csv, then run.json, and return the run; None while a batch is missing.

        `passed` are the method's options as passed; `facts` returns further fields of run.json from
        what the method recorded about each batch. The last process to finish does this; two at the
        same time write the same bytes.
        """
        if not self.finished:
            if not self.batches.complete:
                return None
            try:
                self._write(passed, facts)
            except FileNotFoundError:  # removed by a process that completed the run meanwhile
                if not self.finished:
                    raise
        run = load_run(self.folder)
        self._sweep(run)
        return run

    def _write(self, passed: dict[str, Any], facts: Facts) -> None:
        seconds, devices, recorded = 0.0, set(), []

        def rows() -> Iterator[Row]:
            nonlocal seconds
            for entry in self.batches.entries(range(self.batches.batches)):
                seconds += entry["seconds"]
                devices.add(entry["device"])
                recorded.append(entry.get("recorded", {}))
                yield from entry["rows"]

        table = self._table(rows())
        samples = self.folder / "samples.csv"
        write_csv(samples, table)
        files = {"files": {samples.name: sha256_file(samples)}}
        options = {"options": {"passed": passed} | self.plan["options"]}
        device = ", ".join(sorted(devices))
        found = _summary(table, seconds) | {"device": device} | files
        self.work.finish(options | found | facts(recorded))

    def _table(self, rows: Iterable[Row]) -> "pd.DataFrame":
        import pandas as pd

        # By column: a dictionary per row takes several times the memory of the table.
        columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        for row in rows:
            for name, cells in columns.items():
                cells.append(row.get(name))
        return pd.DataFrame(columns)

    def _is_whole(self, rows: Sequence[Row]) -> bool:
        """Whether the rows name their own images, and these are unchanged."""
        return all(
            row["image"] == f"images/{row['sample_id']}.png"
            and is_safe_id(row["sample_id"])
            and sha256_file(self.folder / row["image"]) == row["sha256"]
            for row in rows
            if row["status"] == OK
        )

    def _forget(self, own: Iterable[int]) -> None:
        """Remove these batches and the table, but not the batches of other shards."""
        (self.folder / "samples.csv").unlink(missing_ok=True)
        self.batches.forget(own)

    def _sweep(self, run: Run) -> None:
        """Remove the files of an unfinished run, and images that no row names."""
        self.work.plan_file.unlink(missing_ok=True)
        self.batches.remove()
        images = self.folder / "images"
        if images.is_dir():
            named = {image.rpartition("/")[2] for image in run.finished["image"]}
            with os.scandir(images) as entries:  # not glob, which holds all entries in memory
                other = [entry.name for entry in entries if entry.name not in named]
            for name in other:
                if not name.startswith("."):
                    (images / name).unlink(missing_ok=True)
        for folder in (self.folder, images):
            remove_abandoned(folder, again=True)


def _summary(table: "pd.DataFrame", seconds: float) -> dict[str, Any]:
    by_status = {str(status): int(n) for status, n in table["status"].value_counts().items()}
    made = by_status.get(OK, 0)
    return {
        "counts": {
            "samples": len(table),
            "failed": len(table) - made,
            "by_status": dict(sorted(by_status.items())),
        },
        "timing": {
            "seconds": round(seconds, 3),
            "images_per_second": round(made / seconds, 4) if seconds else None,
        },
    }
