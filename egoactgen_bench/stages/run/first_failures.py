"""Stopping a run whose first samples all fail alike, before thousands of them do."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.errors import BenchError

ASKED = 8  # so many equal failures of the first samples stop a run
# Failures that say nothing about the model: it refused the sample, or was not asked.
OF_SAMPLES = frozenset({"missing_description", "no_target_time", "flagged", "refused"})

Row = Mapping[str, Any]  # of a run's samples.csv


class FirstFailures:
    """Holds back the batches of a call until the model answers, or the first samples fail alike.

    The failed batches of a run that stops are not recorded, so that the next call repeats them.
    `record` records a batch. If `whole`, the call generates all samples of the run, and the run
    stops even if it has fewer than `ASKED`, but at least two.
    """

    def __init__(self, method: str, whole: bool, record: Callable[[int, list[Any]], None]) -> None:
        self.method = method
        self.whole = whole
        self._record = record
        self._held: dict[int, list[Any]] = {}
        self._failures: list[Row] = []
        self._over = False

    def add(self, batch: int, rows: list[Any], failed_input: frozenset[str] = frozenset()) -> None:
        """Record a batch, or hold it back; `failed_input` are samples the model was not asked for.

        Raises:
            BenchError: the first samples failed with the same code and message.
        """
        if self._over:
            self._record(batch, rows)
            return
        self._held[batch] = rows
        asked = [
            row
            for row in rows
            if row["status"] not in OF_SAMPLES and row["sample_id"] not in failed_input
        ]
        self._failures += asked
        first = self._failures[:ASKED]
        if len({_kind(row) for row in first}) > 1 or any(row["status"] == OK for row in first):
            self.end()
        elif len(first) == ASKED:
            raise self._stop(first)

    def end(self) -> None:
        """Record the batches that were held back; no more samples are checked."""
        self._over = True
        for batch, rows in self._held.items():
            self._record(batch, rows)
        self._held.clear()

    def finish(self) -> None:
        """End after the last batch; raises as `add` if the whole run failed alike."""
        # One sample alone says nothing about the others: its failure is recorded as any other.
        if not self._over and self.whole and len(self._failures) > 1:
            raise self._stop(self._failures)
        self.end()

    def _stop(self, failures: list[Row]) -> BenchError:
        row = failures[0]
        detail = f" ({row['detail']})" if row["detail"] else ""
        return BenchError(
            f"The first {len(failures)} samples of {self.method} all failed with "
            f"{row['status']}{detail}: the run stops. Correct the cause and repeat the call, or "
            "add --keep-going to finish regardless."
        )


def _kind(row: Row) -> tuple[str, str]:
    """The code and message of a failure; the amounts of memory that are left differ each time."""
    code, detail = row["status"], row["detail"]
    return code, re.sub(r"\d+(\.\d+)?", "#", detail) if code == "out_of_memory" else detail
