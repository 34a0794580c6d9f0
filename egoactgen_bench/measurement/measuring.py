"""Measuring candidates sample by sample: each image is read once, each row stored when measured.

The split is processed in batches of samples, all candidates of a batch together, so that target
frames and features of them are shared by all runs. A row is stored under the hashes of the files
and texts from which it was measured: a call that was interrupted, or is repeated with another run
added, measures only what is new, and a changed image is measured again. With several processes
(torchrun), each one measures whole batches, and the first collects the results.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch, Role
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.measurement.checked_rows import checked_rows
from egoactgen_bench.measurement.sources import (
    Candidate,
    Content,
    Entry,
    ImageFile,
    Sample,
    Samples,
    Source,
    content,
)
from egoactgen_bench.support.process_groups import Processes
from egoactgen_bench.support.progress import Progress
from egoactgen_bench.support.row_store import ABSENT, FeatureCache, RowStore, StoredRows, short_keys

Rows = NDArray[np.floating]
Positions = NDArray[np.intp]
Places = tuple[int, ...]
Entries = Mapping[int, Entry]  # by the sample's position in the split


@dataclass(frozen=True, slots=True)
class Failure:
    """A value that could not be computed, with a stable code."""

    run: str
    sample_id: str
    metric: str
    code: str
    detail: str = ""


@dataclass
class Measurements:
    """What was measured.

    `keys` are short keys of the stored rows, uint64 of shape (samples, candidates, groups of
    metrics that share a measurement), 0 where a row is missing. `broken` maps a metric that failed
    as a whole to the reason. `changed` counts the files of a run, or of the split under "", that
    differ from the recorded ones.
    """

    keys: NDArray[np.uint64]
    failures: list[Failure] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    changed: Counter[str] = field(default_factory=Counter)
    measured: int = 0  # new rows

    def fail(
        self, run: str, sample_id: str, metrics: list[Metric[Any]], error: SampleError
    ) -> None:
        """Record that metrics have no value for a sample."""
        for metric in metrics:
            self.failures.append(Failure(run, sample_id, metric.name, error.code, error.detail))

    def count_changed(self, name: str, entries: Iterable[Mapping[Role, Content]]) -> None:
        """Count the files that differ from the recorded ones."""
        for entry in entries:
            for source in entry.values():
                self.changed[name] += isinstance(source, Source) and source.changed

    def merge(self, other: "Measurements") -> None:
        """Add what another process measured on its own samples."""
        self.keys = np.maximum(self.keys, other.keys)
        self.failures += other.failures
        self.broken |= other.broken
        self.changed += other.changed
        self.measured += other.measured


class Measurer:
    """Measures metrics on candidates; metrics of equal `measurement()` share one set of rows.

    `fresh` measures again what is cached. `against` has the images that candidates are compared
    with by metrics of pairs.
    """

    def __init__(
        self,
        samples: Samples,
        candidates: Sequence[Candidate],
        metrics: Sequence[Metric[Any]],
        cache: Path,
        batch_size: int,
        *,
        fresh: bool = False,
        against: Candidate | None = None,
    ) -> None:
        self.samples = samples
        self.against = against
        self.candidates = candidates
        self.metrics = metrics
        self.batch_size = batch_size
        self._features = FeatureCache(cache / "features", fresh=fresh)
        self._measured = FeatureCache(cache / "measured", fresh=fresh)
        groups: dict[str, list[Metric[Any]]] = {}
        for metric in metrics:
            groups.setdefault(metric.measurement(), []).append(metric)
        self._groups = list(groups.values())
        self._stores = [self.kept(measurement) for measurement in groups]
        self._needs: frozenset[Role] = frozenset().union(*(metric.needs for metric in metrics))

    def kept(self, signature: str) -> RowStore:
        """The rows of one signature in the cache."""
        return self._measured.store(signature)

    @property
    def batches(self) -> int:
        """How many batches the split is cut into."""
        return -(-len(self.samples) // self.batch_size)

    def samples_of(self, batch: int) -> range:
        """The positions of the samples of a batch."""
        start = batch * self.batch_size
        return range(start, min(start + self.batch_size, len(self.samples)))

    def values_of(self, batches: Iterable[int]) -> int:
        """How many values the samples of some batches have: of each candidate and measurement."""
        samples = sum(len(self.samples_of(batch)) for batch in batches)
        return samples * len(self.candidates) * len(self._groups)

    def measure(self, batches: Iterable[int], progress: Progress) -> Measurements:
        """Measure the samples of some batches; `progress` counts their values."""
        shape = len(self.samples), len(self.candidates), len(self._groups)
        outcome = Measurements(np.zeros(shape, np.uint64))
        for number in batches:
            part = self.samples_of(number)
            frames = {position: self._frames(position) for position in part}
            outcome.count_changed("", frames.values())
            across: dict[tuple[int, ...], dict[str, Any]] = {}
            for column, candidate in enumerate(self.candidates):
                entries = self._entries(candidate, frames)
                outcome.count_changed(
                    candidate.name,
                    [{"output": entry.roles["output"]} for entry in entries.values()],
                )
                new = self._measure_candidate(column, entries, across, outcome, progress)
                progress.update(len(part) * len(self._groups) - new)
        return outcome

    def rows(
        self, outcome: Measurements, candidate: int, metric: Metric[Any]
    ) -> tuple[Positions, StoredRows]:
        """Positions of the samples that have a row for this candidate, and the rows (k, width)."""
        number = next(n for n, group in enumerate(self._groups) if metric in group)
        keys = outcome.keys[:, candidate, number]
        positions = np.flatnonzero(keys)
        store = self._stores[number]
        store.refresh(old=True)
        places = store.find(keys[positions])
        if np.any(places == ABSENT):
            raise BenchError(
                "Rows measured by another process are not in this workspace: pass the same -w to "
                "all processes."
            )
        return positions, StoredRows(store, places)

    def _frames(self, position: int) -> dict[Role, Content]:
        """The frames and texts of one sample that the metrics need, by role."""
        sample: Sample = self.samples[position]
        other = self.against.output(position) if self.against else None
        every: dict[Role, ImageFile | SampleError | str | None] = {
            "against": other,
            "target": sample.target,
            "input": sample.input,
            "action": sample.action,
            "description": sample.description,
            "truth": sample.truth,
            "boxes": sample.boxes,
        }
        return {
            role: content(source, role) for role, source in every.items() if role in self._needs
        }

    def _entries(
        self, candidate: Candidate, frames: Mapping[int, dict[Role, Content]]
    ) -> dict[int, Entry]:
        """A candidate's samples by position."""
        entries = {}
        for position, roles in frames.items():
            output = candidate.output(position)
            if output is not None:
                every = roles | {"output": content(output, "output")}
                entries[position] = Entry(self.samples.ids[position], every)
        return entries

    def _measure_candidate(
        self,
        column: int,
        entries: Entries,
        across: dict[Places, dict[str, Any]],
        outcome: Measurements,
        progress: Progress,
    ) -> int:
        """Measure a candidate's missing rows, and return how many were missing.

        Metrics that miss the same rows share a batch.
        """
        todo: dict[tuple[Places, bool], list[int]] = {}
        for number, group in enumerate(self._groups):
            wanted = self._wanted(column, number, entries, outcome)
            # In a batch with targets, outputs are resized to them: the value of a metric that reads
            # no targets must not depend on the other metrics of the call.
            if wanted:
                key = tuple(wanted), "target" in group[0].needs
                todo.setdefault(key, []).append(number)
        for (positions, _), numbers in todo.items():
            needs = frozenset().union(*(self._groups[number][0].needs for number in numbers))
            items = {
                role: [entries[position].item(role) for position in positions] for role in needs
            }
            batch = Batch(items, self._features, across.setdefault(positions, {}))
            chosen = {position: entries[position] for position in positions}
            for number in numbers:
                name = f"{self._groups[number][0].name} of {self.candidates[column].name}"
                progress.set_postfix_str(name, refresh=False)
                self._measure_group(column, number, chosen, batch, outcome)
                progress.update(len(positions))
        return sum(len(positions) * len(numbers) for (positions, _), numbers in todo.items())

    def _wanted(
        self, column: int, number: int, entries: Entries, outcome: Measurements
    ) -> list[int]:
        """Positions whose row is not stored yet and can be measured."""
        group = self._groups[number]
        wanted = []
        for position, entry in entries.items():
            try:
                key = short_keys(entry.key(group[0].needs))
                if self._stores[number].find(key)[0] != ABSENT:
                    outcome.keys[position, column, number] = key[0]
                else:
                    for role in group[0].needs:
                        entry.item(role)
                    wanted.append(position)
            except SampleError as error:
                outcome.fail(self.candidates[column].name, entry.sample_id, group, error)
        return wanted

    def _measure_group(
        self, column: int, number: int, entries: Entries, batch: Batch, outcome: Measurements
    ) -> None:
        """Measure one batch, store its valid rows, record its failures."""
        group = self._groups[number]
        if group[0].name in outcome.broken:
            return
        try:
            results = checked_rows(group[0], batch)
        except BenchError as error:
            outcome.broken |= {metric.name: str(error) for metric in group}
            return
        keys, rows = [], []
        for (position, entry), result in zip(entries.items(), results, strict=True):
            if isinstance(result, SampleError):
                outcome.fail(self.candidates[column].name, entry.sample_id, group, result)
                continue
            keys.append(entry.key(group[0].needs))
            rows.append(result)
            outcome.keys[position, column, number] = short_keys(keys[-1])[0]
        if rows:
            self._stores[number].add(keys, np.stack(rows))
            outcome.measured += len(rows)


def gather(outcome: Measurements, processes: Processes) -> Measurements:
    """Collect the measurements of all processes on rank 0; other ranks get their own back."""
    for other in (processes.gather(outcome) or [])[1:]:
        outcome.merge(other)
    return outcome
