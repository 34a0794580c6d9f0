"""Measured rows in memory, by sample and metric, and their exchange between processes."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.measurement.checked_rows import checked_rows
from egoactgen_bench.measurement.measuring import Failure

Rows = NDArray[np.floating]


@dataclass
class MemoryRows:
    """The rows of samples in the order in which they were added.

    `rows`: for each group of metrics that share a measurement, sample number → row. `failures` have
    an empty `run`.
    """

    groups: int
    sample_ids: list[str] = field(default_factory=list)
    rows: list[dict[int, Rows]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = self.rows or [{} for _ in range(self.groups)]

    def add(self, sample_ids: Sequence[str]) -> range:
        """Add samples, and return their numbers."""
        start = len(self.sample_ids)
        self.sample_ids += sample_ids
        return range(start, len(self.sample_ids))

    def measure(
        self, group: int, metrics: Sequence[Metric[Any]], batch: Batch, numbers: Sequence[int]
    ) -> None:
        """Measure the samples of these numbers, which are in `batch`."""
        for number, result in zip(numbers, checked_rows(metrics[0], batch), strict=True):
            if isinstance(result, SampleError):
                self.fail(number, metrics, result)
            else:
                self.rows[group][number] = result

    def fail(self, number: int, metrics: Iterable[Metric[Any]], error: SampleError) -> None:
        """Record that metrics have no value for a sample."""
        sample_id = self.sample_ids[number]
        self.failures += [
            Failure("", sample_id, metric.name, error.code, error.detail) for metric in metrics
        ]

    def of(self, group: int) -> tuple[list[str], Rows]:
        """The samples that have a row of a group, and the rows (n, width)."""
        found = self.rows[group]
        if not found:
            return [], np.empty((0, 1))
        numbers = sorted(found)
        return [self.sample_ids[n] for n in numbers], np.stack([found[n] for n in numbers])

    def of_all_processes(self) -> "MemoryRows":
        """The rows of all processes, each sample once, as every process would collect them.

        Sample i of each process comes before any sample i + 1, which is the order of the data under
        torch's DistributedSampler; samples that it repeats have equal ids and count once.
        """
        from torch import distributed

        found: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(found, self)
        joined = MemoryRows(self.groups)
        longest = max(len(part.sample_ids) for part in found)
        known: set[str] = set()
        for number in range(longest):
            for part in found:
                if number < len(part.sample_ids) and part.sample_ids[number] not in known:
                    known.add(part.sample_ids[number])
                    joined._take(part, number)
        return joined

    def _take(self, part: "MemoryRows", number: int) -> None:
        sample_id = part.sample_ids[number]
        (own,) = self.add([sample_id])
        for mine, theirs in zip(self.rows, part.rows, strict=True):
            if number in theirs:
                mine[own] = theirs[number]
        self.failures += [each for each in part.failures if each.sample_id == sample_id]


def several_processes() -> bool:
    """Whether this process is one of several of `torch.distributed`."""
    torch = sys.modules.get("torch")
    return bool(
        torch is not None
        and torch.distributed.is_available()
        and torch.distributed.is_initialized()
        and torch.distributed.get_world_size() > 1
    )


def require_distinct(sample_ids: Sequence[str], known: Iterable[str]) -> None:
    """Raise `BenchError` for an id that occurs twice."""
    seen = set(known)
    for sample_id in sample_ids:
        if sample_id in seen:
            raise BenchError(
                f"sample '{sample_id}' was added before: call reset() to start another evaluation."
            )
        seen.add(sample_id)
