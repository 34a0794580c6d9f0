"""The batches of a stage that are done, so that a stopped or sharded one goes on."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import read_json, write_json

OK = "ok"
Row = dict[str, Any]  # with sample_id, status (`ok` or a reason code) and detail


class Parts:
    """A folder of one file a batch, beside what will be made of them: `manifest`, written last.

    Several processes may write to it; a batch of another plan does not count.
    """

    def __init__(self, manifest: Path, plan: dict[str, Any], batches: int) -> None:
        self.manifest = manifest
        self.folder = manifest.with_name(f"{manifest.stem}.parts")
        self.plan = plan
        self.batches = batches
        self._digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()

    @property
    def finished(self) -> bool:
        return self.manifest.is_file()

    def begin(self, overwrite: bool, own: Iterable[int]) -> None:
        """Leave the plan in the folder; refuse another one unless it is to be overwritten."""
        path = self.folder / "plan.json"
        for found in (self.manifest, path):
            if found.is_file() and not overwrite:
                told = read_json(found)
                changed = [key for key in self.plan if told.get(key) != self.plan[key]]
                if changed:
                    raise BenchError(
                        f"{found} was made otherwise ({', '.join(changed)}): "
                        "choose another --name, or replace it with --overwrite."
                    )
        if overwrite:
            self.manifest.unlink(missing_ok=True)
            for batch in own:
                self._path(batch).unlink(missing_ok=True)
        if not self.finished:
            write_json(path, self.plan)

    def holds(self, batch: int) -> bool:
        """Whether a batch of this very plan is done."""
        if self.finished:
            return True
        try:
            return json.loads(self._path(batch).read_bytes())["plan"] == self._digest
        except (OSError, ValueError, KeyError):
            return False

    def record(self, batch: int, rows: list[Row], seconds: float) -> None:
        """Note that a batch is done."""
        write_json(self._path(batch), {"plan": self._digest, "seconds": seconds, "rows": rows})

    def finish(self, own: Iterable[int], make: Callable[[list[Row]], dict[str, Any]]) -> "Outcome":
        """Write the manifest, with what `make` tells of all rows, if every batch is there.

        Whoever comes last does this, two at once alike; until then a process knows its own rows.
        """
        try:
            if not self.finished:
                if not all(self.holds(batch) for batch in range(self.batches)):
                    return Outcome(_failed(self._read(own)[0]), None)
                rows, seconds = self._read(range(self.batches))
                told = {"failed": _failed(rows), "timing": {"seconds": round(seconds, 3)}}
                write_json(self.manifest, self.plan | make(rows) | told)
                shutil.rmtree(self.folder, ignore_errors=True)
        except FileNotFoundError:  # another process has just taken the batches away
            pass
        manifest = read_json(self.manifest)
        return Outcome(manifest["failed"], manifest)

    def _read(self, batches: Iterable[int]) -> tuple[list[Row], float]:
        """The rows of these batches, and the seconds that they took."""
        entries = [json.loads(self._path(batch).read_bytes()) for batch in batches]
        rows = [row for entry in entries for row in entry["rows"]]
        return rows, sum(entry["seconds"] for entry in entries)

    def _path(self, batch: int) -> Path:
        return self.folder / f"{batch:06d}.json"


@dataclass(frozen=True)
class Outcome:
    """What a call came to: the rows that failed, and the manifest once every batch is there."""

    failed: list[Row]
    manifest: dict[str, Any] | None


def _failed(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["status"] != OK]
