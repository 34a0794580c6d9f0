"""A VLLM's results for a split: a plan, a journal of batches, and a manifest at the end."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from egoactgen_bench.artifacts.batch_journal import OK, BatchJournal, Row
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_lego.lego_manifests import EmbedManifest, EnrichManifest

ResultT = TypeVar("ResultT", EnrichManifest, EmbedManifest)


@dataclass(frozen=True)
class VllmOutcome:
    """The result of a call: the rows that failed, and the manifest once every batch is done."""

    failed: list[Row]
    manifest: EnrichManifest | EmbedManifest | None


class VllmResult(Generic[ResultT]):
    """A future manifest and its journal `<manifest>.parts/`; the folder may have other results."""

    def __init__(
        self,
        manifest: Path,
        kind: type[ResultT],
        plan: Mapping[str, Any],
        batches: int,
        *,
        elsewhere: str,
    ) -> None:
        parts = manifest.with_name(f"{manifest.stem}.parts")
        self.work: WorkFolder[ResultT] = WorkFolder(
            manifest, kind, plan, parts / PLAN, elsewhere=elsewhere, shared=True
        )
        self.journal = BatchJournal(parts, plan, batches)

    def begin(self, overwrite: bool, own: Iterable[int]) -> None:
        """Write the plan; with `overwrite`, drop this process's `own` batches."""
        self.work.begin(overwrite, lambda: self.journal.forget(own))

    def holds(self, batch: int) -> bool:
        """Whether a batch is done."""
        return self.work.finished or self.journal.holds(batch)

    def finish(
        self, own: Iterable[int], make: Callable[[list[Row]], dict[str, Any]]
    ) -> VllmOutcome:
        """Write the manifest, with what `make` returns for all rows, if all batches are done.

        The last process to finish does this; two at a time write the same. Until then, a process
        reports its own rows.
        """
        try:
            if not self.work.finished:
                if not self.journal.complete:
                    return VllmOutcome(_failed(self.journal.rows(own)), None)
                entries = list(self.journal.entries(range(self.journal.batches)))
                rows = [row for entry in entries for row in entry["rows"]]
                seconds = round(sum(entry["seconds"] for entry in entries), 3)
                self.work.finish(
                    {**make(rows), "failed": _failed(rows), "timing": {"seconds": seconds}}
                )
                self.journal.remove()
        except FileNotFoundError:  # another process has just removed the batches
            pass
        manifest = self.work.read()
        return VllmOutcome(manifest.failed, manifest)


def _failed(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["status"] != OK]
