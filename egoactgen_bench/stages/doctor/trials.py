"""Variants of a metric, measured on one run: what `bench doctor` compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric, MetricContext, Rows
from egoactgen_bench.api.metric_batch import Batch, Role
from egoactgen_bench.api.metric_deviations import Deviation
from egoactgen_bench.api.options import Options, resolve
from egoactgen_bench.measurement.measuring import Failure, Measurer
from egoactgen_bench.measurement.protocols import obstacle
from egoactgen_bench.measurement.sources import Candidate, Samples
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.replacing import temporary_folder

Deviations = Mapping[str, Deviation]  # label → deviation
Labels = tuple[str, ...]  # of the deviations of a variant


class Variant(Metric[Options]):
    """A metric with deviations applied; it is a metric as well."""

    def __init__(self, metric: Metric[Any], deviations: Deviations) -> None:
        super().__init__(metric.options, metric.context)
        self.metric = metric
        self.labels: Labels = tuple(deviations)
        self.name = " + ".join([metric.name, *deviations])
        self.needs = metric.needs
        self.may_be_infinite = metric.may_be_infinite
        self._changes = {label: one.change for label, one in deviations.items() if one.change}

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for variants that compute the same, whatever their labels."""
        return type(self.metric), self.options, self.context, tuple(self._changes)

    def measurement(self) -> str:
        formula = f"{type(self.metric).__module__}.{type(self.metric).__qualname__}"
        return "|".join([formula, self.metric.measurement(), *self._changes])

    def measure(self, batch: Batch) -> Rows:
        for change in self._changes.values():
            batch = batch.changed(change)
        return self.metric.measure(batch)

    def summarise(self, rows: NDArray[np.floating]) -> float:
        return self.metric.summarise(rows)


@dataclass
class Trials:
    """Variants of one metric on one run, and the values measured so far, in the paper's unit."""

    plugin: type[Metric[Any]]
    options: Options
    protocols: Mapping[str, Options]
    context: MetricContext
    roles: frozenset[Role]
    samples: Samples
    candidate: Candidate
    cache: Path
    batch_size: int = 16
    progress: bool = False
    values: dict[Labels, float] = field(default_factory=dict)
    counts: dict[Labels, int] = field(default_factory=dict)
    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    tried: set[tuple[Any, ...]] = field(default_factory=set)  # identities

    def variant(self, deviations: Deviations) -> Variant:
        """The metric with these deviations; later ones override the options of earlier ones."""
        plugin, values = self.plugin, self.options.model_dump()
        for one in deviations.values():
            plugin, values = one.metric or plugin, values | dict(one.options)
        known = {key: value for key, value in values.items() if key in plugin.Options.model_fields}
        metric = plugin(resolve(plugin.Options, known, plugin.name), self.context)
        return Variant(metric, deviations)

    def obstacle(self, variant: Variant) -> str | None:
        """Why a variant cannot be measured here, as a sentence, or None."""
        return obstacle(variant.metric, self.roles)

    def measure(self, variants: Sequence[Variant]) -> None:
        """Measure the variants that are new, on all samples; each image is read once.

        Rows are cached for later calls, except those of set metrics (FID), which are wide: there,
        one variant is measured at a time, and its rows are deleted.
        """
        new = {each.identity: each for each in variants if each.identity not in self.tried}
        self.tried |= new.keys()
        if self.plugin.per_sample:
            self._measure(list(new.values()), self.cache)
            return
        for variant in new.values():
            with temporary_folder(self.cache) as folder:
                self._measure([variant], folder)

    def _measure(self, variants: Sequence[Variant], cache: Path) -> None:
        if not variants:
            return
        measurer = Measurer(self.samples, [self.candidate], variants, cache, self.batch_size)
        text = f"{len(variants)} variants"
        batches = range(measurer.batches)
        values = measurer.values_of(batches)
        with report_progress(text, values, "value", shown=self.progress) as bar:
            outcome = measurer.measure(batches, bar)
        for failure in outcome.failures:
            self.failures.setdefault((failure.sample_id, failure.code), failure)
        self.notices += [f"left out: {name}: {why}" for name, why in outcome.broken.items()]
        for variant in variants:
            _, rows = measurer.rows(outcome, 0, variant)
            if variant.name in outcome.broken or len(rows) < self.plugin.minimum_samples:
                continue
            whole: Any = np.asarray(rows) if self.plugin.per_sample else rows
            self.values[variant.labels] = variant.summarise(whole) * self.plugin.factor
            self.counts[variant.labels] = len(rows)
