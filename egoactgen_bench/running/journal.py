"""What is made of a run so far, batch by batch, so that a killed or sharded one goes on.

<run>/plan.json                all that shapes the images
<run>/journal/<batch>.json     the rows of one batch, written after its images
<run>/samples.csv, run.json    written last, when every batch is there; the others then go
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoactgen_bench import plans
from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import read_json, sha256_file, write_csv, write_json
from egoactgen_bench.runs import COLUMNS, OK, Run, load_run

if TYPE_CHECKING:
    import pandas as pd

STATES = {"run.json": "a finished", "plan.json": "an unfinished"}


class Journal:
    """The run folder of a plan with `batches` batches. Several processes may write to it."""

    def __init__(self, folder: Path, plan: dict[str, Any], batches: int) -> None:
        self.folder = folder
        self.plan = plan
        self.batches = batches
        self._digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
        self._trusted: set[int] = set()

    @property
    def finished(self) -> bool:
        return (self.folder / "run.json").is_file()

    def check(self, overwrite: bool = False) -> None:
        """Refuse a folder that holds another run, unless to overwrite it, or something else."""
        if self.folder.exists() and not self.folder.is_dir():
            raise BenchError(f"{self.folder} is not a folder: give another --out or --name.")
        # The finished one again: another process may have completed the run in between.
        for name, state in (*STATES.items(), *STATES.items()):
            if (self.folder / name).is_file():
                if not overwrite:
                    self._compare(read_json(self.folder / name), state)
                return
        if self.folder.exists() and any(path.name[0] != "." for path in self.folder.iterdir()):
            raise BenchError(f"{self.folder} is not empty and holds no run: give another --out.")

    def _compare(self, found: dict[str, Any], state: str) -> None:
        changed = plans.changes(found, self.plan)
        if changed:
            raise BenchError(
                f"{self.folder} holds {state} run of another plan ({changed}): "
                "name this one with --name, or replace that one with --overwrite."
            )

    def start(self) -> None:
        """Leave the plan in the folder."""
        if not (self.folder / "plan.json").is_file():
            write_json(self.folder / "plan.json", self.plan)

    def restart(self, batches: Iterable[int]) -> None:
        """Forget these batches and the finished run, if any; other shards' batches stay."""
        write_json(self.folder / "plan.json", self.plan)
        for name in ("run.json", "samples.csv"):
            (self.folder / name).unlink(missing_ok=True)
        for batch in batches:
            self._entry(batch).unlink(missing_ok=True)

    def holds(self, batch: int) -> bool:
        """Whether a batch of this very plan is done and its images are as they were written."""
        if batch not in self._trusted and self._verified(batch):
            self._trusted.add(batch)
        return batch in self._trusted

    def _verified(self, batch: int) -> bool:
        try:
            entry = json.loads(self._entry(batch).read_bytes())
            return entry["plan"] == self._digest and all(
                sha256_file(self.folder / row["image"]) == row["sha256"]
                for row in entry["rows"]
                if row["status"] == OK
            )
        except (OSError, ValueError, KeyError):
            return False

    def record(self, batch: int, rows: list[dict[str, Any]], device: str, seconds: float) -> None:
        """Note a batch whose images are written; `rows` have the columns of samples.csv."""
        entry = {"plan": self._digest, "device": device, "seconds": seconds, "rows": rows}
        write_json(self._entry(batch), entry)
        self._trusted.add(batch)

    def partial(self, batches: Iterable[int]) -> Run:
        """What these batches hold, while others are missing; its manifest has no counts."""
        try:
            _, table = self._read(batches)
        except FileNotFoundError:  # taken away by the process that has just completed the run
            return load_run(self.folder)
        return Run(self.folder, self.plan, table)

    def assemble(self, passed: dict[str, Any], versions: dict[str, str]) -> Run | None:
        """Write samples.csv, then run.json, and return the run; None while a batch is missing.

        Whoever finishes last does this; two at once write the same bytes.
        """
        if not self.finished:
            if not all(self.holds(batch) for batch in range(self.batches)):
                return None
            try:
                self._write(passed, versions)
            except FileNotFoundError:  # taken away by a process that completed the run meanwhile
                if not self.finished:
                    raise
        run = load_run(self.folder)
        self._sweep(run)
        return run

    def _write(self, passed: dict[str, Any], versions: dict[str, str]) -> None:
        entries, table = self._read(range(self.batches))
        write_csv(self.folder / "samples.csv", table)
        manifest = self.plan | {"options": {"passed": passed} | self.plan["options"]}
        manifest |= _summary(entries, table) | {"versions": versions}
        write_json(self.folder / "run.json", manifest)

    def _read(self, batches: Iterable[int]) -> tuple[list[dict[str, Any]], "pd.DataFrame"]:
        import pandas as pd

        entries = [json.loads(self._entry(batch).read_bytes()) for batch in batches]
        rows = [row for entry in entries for row in entry["rows"]]
        return entries, pd.DataFrame(rows, columns=list(COLUMNS))

    def _sweep(self, run: Run) -> None:
        """Take away what only an unfinished run needs, and images that no row names."""
        (self.folder / "plan.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "journal", ignore_errors=True)
        named = {Path(image).name for image in run.finished["image"]}
        for path in [*self.folder.glob("images/*"), *self.folder.glob(".*.tmp")]:
            if path.name not in named:
                path.unlink(missing_ok=True)

    def _entry(self, batch: int) -> Path:
        return self.folder / "journal" / f"{batch:06d}.json"


def _summary(entries: list[dict[str, Any]], table: "pd.DataFrame") -> dict[str, Any]:
    by_status = {str(status): int(n) for status, n in table["status"].value_counts().items()}
    made = by_status.get(OK, 0)
    seconds = sum(entry["seconds"] for entry in entries)
    return {
        "counts": {
            "samples": len(table),
            "failed": len(table) - made,
            "by_status": dict(sorted(by_status.items())),
        },
        "device": ", ".join(sorted({entry["device"] for entry in entries})),
        "timing": {
            "seconds": round(seconds, 3),
            "images_per_second": round(made / seconds, 4) if seconds else None,
        },
    }
