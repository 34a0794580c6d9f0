"""A record of the finished batches of a folder, from which a killed or sharded call resumes.

`<journal>/<batch>.json` contains the rows of one batch and is written after the batch's files.
Several processes may write to a journal; batches of another plan are ignored.
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import heartbeats
from egoactgen_bench.support.files import sha256_bytes, write_json
from egoactgen_bench.support.heartbeats import Watch, heartbeat
from egoactgen_bench.support.progress import Progress, report_progress
from egoactgen_bench.support.regular_files import read_regular
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.support.waiting import report_waiting

POLL_SECONDS = 0.2
OK = "ok"  # the status of a row whose result exists

Row = dict[str, Any]  # with sample_id, status (`ok` or a reason code) and detail


class BatchJournal:
    """The journal of a plan with `batches` batches.

    `is_whole` returns whether the files named in a batch's rows are unchanged.
    """

    def __init__(
        self,
        folder: Path,
        plan: Mapping[str, Any],
        batches: int,
        is_whole: Callable[[Sequence[Row]], bool] = lambda rows: True,
    ) -> None:
        self.folder = folder
        self.batches = batches
        self._digest = sha256_bytes(json.dumps(plan, sort_keys=True).encode())
        self._is_whole = is_whole
        self._trusted: set[int] = set()

    @property
    def complete(self) -> bool:
        """Whether every batch is done."""
        return all(self.holds(batch) for batch in range(self.batches))

    def holds(self, batch: int) -> bool:
        """Whether a batch of this plan is done."""
        if batch not in self._trusted and self._verified(batch):
            self._trusted.add(batch)
        return batch in self._trusted

    def _verified(self, batch: int) -> bool:
        try:
            entry = json.loads(read_regular(self._path(batch)))
            whole = entry["plan"] == self._digest and entry["checksum"] == _checksum(entry)
            return whole and self._is_whole(entry["rows"])
        # A damaged record counts as missing: its batch is done again.
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False

    def record(self, batch: int, rows: Sequence[Row], **facts: Any) -> None:
        """Record a finished batch, with `facts` about it (seconds, device)."""
        # One file per batch, so that several processes and machines can write without a lock.
        entry = {"plan": self._digest, **facts, "rows": list(rows)}
        write_json(self._path(batch), entry | {"checksum": _checksum(entry)})
        self._trusted.add(batch)

    def entries(self, batches: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The records of these batches, each read when it is requested: their facts and `rows`."""
        return (json.loads(read_regular(self._path(batch))) for batch in batches)

    def rows(self, batches: Iterable[int]) -> list[Row]:
        """The rows of these batches."""
        return [row for entry in self.entries(batches) for row in entry["rows"]]

    def forget(self, batches: Iterable[int]) -> None:
        """Remove these batches from the journal, so that they are done again."""
        for batch in batches:
            self._path(batch).unlink(missing_ok=True)
            self._trusted.discard(batch)

    def remove(self) -> None:
        """Remove the journal."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, batch: int) -> Path:
        return self.folder / f"{batch:06d}.json"


def _checksum(entry: Mapping[str, Any]) -> str:
    """The sha256 of a record without its checksum."""
    rest = {key: value for key, value in entry.items() if key != "checksum"}
    return sha256_bytes(json.dumps(rest, sort_keys=True).encode())


@dataclass(frozen=True)
class BatchWork:
    """One process's part of batches that several processes share.

    `holds` returns whether a batch is done, `finished` whether the whole folder is; `size` returns
    the number of `unit`s in a batch, for the progress bar. In `folder`, that of an unfinished
    journal, each process shows that it is alive.
    """

    shard: ProcessShard
    batches: int
    folder: Path
    holds: Callable[[int], bool]
    finished: Callable[[], bool]
    size: Callable[[int], int] = lambda batch: 1
    unit: str = "batch"

    @property
    def own(self) -> range:
        """The numbers of this process's batches."""
        return self.shard.of_rank(self.batches)

    @property
    def of_shard(self) -> range:
        """The numbers of the batches of all processes of this shard."""
        return self.shard.of_shard(self.batches)

    @property
    def missing(self) -> list[int]:
        """Those of this process's batches that are not done."""
        return [batch for batch in self.own if not self.holds(batch)]

    def run(
        self,
        do: Callable[[int], None],
        progress: bool,
        load: Callable[[], object] = lambda: None,
    ) -> None:
        """`load` and do this process's missing batches; the first process waits for the others.

        A launcher ends all processes when one of them exits with a failure, so that the first one,
        whose exit status is the launcher's, must not leave early. Raises `BenchError` if another
        process has ended before its batches are done.
        """
        shown = progress and self.shard.rank == 0
        missing = self.missing
        if missing:
            with self._alive():
                with report_waiting("Loading networks", shown=shown):
                    load()
                with self._bar(self.own, missing, shown) as bar:
                    for batch in missing:
                        do(batch)
                        bar.update(self.size(batch))
        if self.shard.rank == 0:
            self._wait(shown)

    def count(self, batches: Iterable[int]) -> int:
        """The number of units in these batches."""
        return sum(map(self.size, batches))

    def _wait(self, shown: bool) -> None:
        missing = [batch for batch in self.of_shard if not self.holds(batch)]
        with self._bar(self.of_shard, missing, shown and bool(missing)) as bar:
            bar.set_description("waiting for the other processes")
            watch = Watch()
            while missing and not self.finished():
                # Files instead of torch.distributed's barrier: it needs a process group, has a
                # timeout that a slow shard may exceed, and ignores batches that an earlier call
                # finished.
                time.sleep(POLL_SECONDS)
                done = {batch for batch in missing if self.holds(batch)}
                missing = [batch for batch in missing if batch not in done]
                bar.update(self.count(done))
                self._refuse_lost(missing, watch)

    def _alive(self) -> AbstractContextManager[None]:
        return heartbeat(self._sign(self.shard.rank)) if self.shard.ranks > 1 else nullcontext()

    def _sign(self, rank: int) -> Path:
        return self.folder / f"alive-{self.shard.index}-{rank}"

    def _refuse_lost(self, missing: Iterable[int], watch: Watch) -> None:
        """Raise `BenchError` if the process of a missing batch has ended."""
        owners = Counter(self.of_shard.index(batch) % self.shard.ranks for batch in missing)
        lost = [rank for rank in owners if watch.is_lost(self._sign(rank))]
        if lost and not self.finished():
            left = sum(owners[rank] for rank in lost)
            raise BenchError(
                f"Process {lost[0] + 1} of {self.shard.ranks} has ended or cannot be reached: it "
                f"has shown no sign of life for {heartbeats.LOST_AFTER / 60:.0f} minutes, and "
                f"{left} batches are missing. Start the same command again: it resumes."
            )

    def _bar(
        self, batches: Iterable[int], missing: Iterable[int], shown: bool
    ) -> AbstractContextManager[Progress]:
        total, left = self.count(batches), self.count(missing)
        return report_progress("", total, self.unit, initial=total - left, shown=shown)
