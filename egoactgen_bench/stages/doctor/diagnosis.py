"""`bench doctor RUN`: which variant of a metric explains a reported number.

A variant is a protocol's metric with some of its known deviations (`metric_deviations`). First,
each deviation is measured alone. Those that change the value are then combined, first in pairs,
then in larger combinations: all of them if they are few, else those whose predicted value (the sum
of the effects of their parts) is nearest to the number.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import combinations, islice, product
from typing import Any

import numpy as np
import pandas as pd

from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_deviations import Axes, Deviation
from egoactgen_bench.api.options import chosen
from egoactgen_bench.api.plugin_declarations import require_subclass
from egoactgen_bench.api.toy_weights import is_toy_dataset
from egoactgen_bench.artifacts.descriptions import descriptions_of
from egoactgen_bench.artifacts.manifests import TOY_MARK
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.measurement.candidates import candidates_of
from egoactgen_bench.measurement.measuring import Failure
from egoactgen_bench.measurement.protocols import Defaults, protocol_options
from egoactgen_bench.measurement.sources import Samples
from egoactgen_bench.stages.doctor.doctor_options import DiagnoseOptions
from egoactgen_bench.stages.doctor.trials import Deviations, Labels, Trials, Variant
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.toy import stand_ins

REASONS = 3  # at most so many are in the message about a metric without a value
CONSIDERED = 100_000  # at most so many combinations are predicted, fewest deviations first
COLUMNS = ("variant", "value", "distance", "n", "deviations")


@dataclass(repr=False)
class Diagnosis:
    """The result of `diagnose`.

    `sentence` says which variant explains the number, or that none does. `table` has one row per
    measured variant and the columns variant, value and distance (both in the paper's unit), n
    (samples with a value) and deviations (their number): first the variants within the tolerance,
    those with the fewest deviations first, then the others by distance.
    """

    sentence: str
    table: pd.DataFrame
    notices: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Diagnosis: {self.sentence}>"


def diagnose(
    split: Split,
    run: Run,
    metric: str,
    value: str | float,
    settings: DiagnoseOptions | None = None,
    *,
    progress: bool = False,
    **choices: Any,
) -> Diagnosis:
    """Find the variants of a metric whose value on a run is nearest to a reported one.

    `value` is in the paper's unit. Without a `tolerance`, the precision of its last digit is used:
    "36.43" means ± 0.005. `settings` and `choices` are fields of `DiagnoseOptions`; `choices`
    override `settings`. Raises `BenchError` for an unknown metric, protocol or option, a value that
    is not a number, and a metric that has no value on the run.
    """
    asked = chosen(DiagnoseOptions, settings, choices, "doctor")
    wanted, tolerance = _number(value, asked.tolerance)
    trials = _trials(split, run, metric, asked)
    trials.progress = progress
    axes = _axes(trials, asked.protocol)
    each = [{label: one} for axis in axes.values() for label, one in axis.items()]
    trials.measure([trials.variant(deviations) for deviations in ({}, *each)])
    if () not in trials.values:
        reasons = [f"{f.sample_id}: {f.code}" for f in trials.failures.values()] or trials.notices
        shown = [reason.rstrip(".") for reason in reasons[:REASONS]]
        more = f" (and {len(reasons) - REASONS} more)" if len(reasons) > REASONS else ""
        raise BenchError(f"{metric} has no value on run '{run.name}': {'; '.join(shown)}{more}.")
    possible = _combine(trials, axes, wanted, asked.most)
    table = _ranked(trials, wanted, tolerance, f"protocol {asked.protocol} as it is")
    sentence = _sentence(table, f"{metric} of run '{run.name}'", value, tolerance)
    notices = [*trials.notices, *_reservations(axes, table, tolerance, possible)]
    return Diagnosis(sentence, table, notices, list(trials.failures.values()))


def _trials(split: Split, run: Run, metric: str, asked: DiagnoseOptions) -> Trials:
    root = asked.workspace or run.folder
    plugin: type[Metric[Any]] = require_subclass(plugins.load("metrics", metric)[0], Metric, metric)
    if asked.protocol not in plugin.variants():
        raise BenchError(
            f"Metric {metric} has no {asked.protocol} variant."
            + did_you_mean(asked.protocol, plugin.variants())
        )
    context = MetricContext(
        weights=stand_ins.folder_for(split.manifest.dataset, asked.weights, root / "models"),
        device=resolve_device(asked.device),
        workspace=root,
    )
    notices: list[str] = []
    texts = descriptions_of(split, asked.descriptions, notices)
    samples = Samples(split, texts.texts if texts else {})
    candidates, remarks = candidates_of(split, [run], ())
    notices += remarks
    defaults = Defaults(split.manifest.metric_defaults)
    protocols = {name: protocol_options(plugin, name, defaults) for name in plugin.variants()}
    trials = Trials(
        plugin,
        protocols[asked.protocol],
        protocols,
        context,
        samples.roles,
        samples,
        candidates[0],
        root / "cache",
        batch_size=asked.batch_size,
    )
    trials.notices += notices
    if context.weights_folder.label and not is_toy_dataset(split.manifest.dataset):
        trials.notices.append(
            f"{TOY_MARK} every value is that of stand-ins, which know only the toy kitchen."
        )
    if why_not := trials.obstacle(trials.variant({})):
        raise BenchError(why_not)
    return trials


def _axes(trials: Trials, protocol: str) -> Axes:
    """The deviations that can be measured here, other protocols included.

    Those that cannot be measured are added to the notices.
    """
    protocols = {
        f"protocol {name}": Deviation(options=options.model_dump())
        for name, options in trials.protocols.items()
        if name != protocol
    }
    seen = {trials.variant({}).identity}
    found: dict[str, dict[str, Deviation]] = {}
    for axis, deviations in {"protocol": protocols, **trials.plugin.known_deviations()}.items():
        for label, deviation in deviations.items():
            variant = trials.variant({label: deviation})
            if variant.identity in seen:
                continue
            seen.add(variant.identity)
            if why_not := trials.obstacle(variant):
                trials.notices.append(f"left out: {label}: {why_not}")
            else:
                found.setdefault(axis, {})[label] = deviation
    return found


def _combine(trials: Trials, axes: Axes, wanted: float, most: int) -> int:
    """Measure combinations of deviations that change the value; return how many are possible."""
    start = trials.values[()]
    idle = [
        labels[0]
        for labels, value in trials.values.items()
        if labels and math.isclose(value, start, rel_tol=1e-9)
    ]
    if idle:
        trials.notices.append(f"no effect on this run: {'; '.join(idle)}")
    for label in idle:
        del trials.values[(label,)]
    effective = [
        {label: one for label, one in axis.items() if (label,) in trials.values}
        for axis in axes.values()
    ]
    for counts in ([2], range(3, len(effective) + 1)):
        tried = len(trials.tried)
        trials.measure(_nearest(trials, _choices(effective, counts), wanted, most))
        most -= len(trials.tried) - tried
    return math.prod(len(axis) + 1 for axis in effective)


def _choices(axes: Sequence[Deviations], counts: Iterable[int]) -> Iterator[Deviations]:
    """Every choice of one deviation each from `count` axes, for each count."""
    for count in counts:
        for some in combinations(axes, count):
            for pairs in product(*(axis.items() for axis in some)):
                yield dict(pairs)


def _nearest(
    trials: Trials, choices: Iterator[Deviations], wanted: float, most: int
) -> list[Variant]:
    """The `most` choices whose predicted value is nearest to the number."""
    effects = _effects(trials.values)

    def distance(deviations: Deviations) -> float:
        parts = (part for size in range(3) for part in combinations(deviations, size))
        off = abs(sum(effects.get(part, 0.0) for part in parts) - wanted)
        return math.inf if math.isnan(off) else off

    nearest = heapq.nsmallest(most, islice(choices, CONSIDERED), key=distance)
    return [trials.variant(deviations) for deviations in nearest]


def _effects(values: Mapping[Labels, float]) -> dict[Labels, float]:
    """The value without deviations, the effect of each one, and the interaction of each pair."""
    effects: dict[Labels, float] = {}
    for labels in sorted(values, key=len):
        if len(labels) <= 2:
            parts = (part for size in range(len(labels)) for part in combinations(labels, size))
            effects[labels] = values[labels] - sum(effects.get(part, 0.0) for part in parts)
    return effects


def _ranked(trials: Trials, wanted: float, tolerance: float, unchanged: str) -> pd.DataFrame:
    rows = [
        (
            ", ".join(labels) or unchanged,
            value,
            0.0 if value == wanted else abs(value - wanted),
            trials.counts[labels],
            len(labels),
        )
        for labels, value in trials.values.items()
    ]
    rows.sort(key=lambda row: (max(row[2], tolerance), row[4], row[2]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _sentence(table: pd.DataFrame, what: str, value: str | float, tolerance: float) -> str:
    """Which variants match the number, or that none does."""
    first = table.iloc[0]
    near = table[table["distance"] <= tolerance]
    if near.empty:
        return (
            f"None of the {len(table)} measured variants explains {value} within {tolerance:g}: "
            f"the nearest is {first['variant']}, with {first['value']:.6g}, "
            f"off by {first['distance']:.3g}."
        )
    found = f"{value} matches {what} with {first['variant']} ({first['value']:.6g})."
    if len(near) == 1:
        return found
    others = "; ".join(near["variant"][1:]) if len(near) <= 4 else f"{len(near) - 1} others"
    return f"{found} Also within {tolerance:g}: {others}."


def _reservations(
    axes: Axes, table: pd.DataFrame, tolerance: float, possible: int
) -> Iterator[str]:
    """Reasons why the answer may be wrong or incomplete."""
    if len(table) < possible:
        yield (
            f"measured {len(table)} of at most {possible} variants: each deviation alone, and the "
            "combinations whose predicted value (the sum of the effects of their parts) is nearest"
        )
    values = np.unique(table["value"][np.isfinite(table["value"])])
    width = float(np.ptp(values)) if len(values) else 0.0
    chance = len(values) * min(2 * tolerance / width, 1.0) if width else 0.0
    if chance >= 0.5:
        yield (
            f"{len(values)} values range from {values[0]:.6g} to {values[-1]:.6g}: about "
            f"{chance:.1f} of them would be within {tolerance:g} of any number there by chance"
        )
    imitated = [label for axis in axes.values() for label, one in axis.items() if one.imitated]
    if imitated:
        labels = "; ".join(imitated)
        yield f"steps of image generation, only imitated on the finished images: {labels}"


def _number(value: str | float, tolerance: float | None) -> tuple[float, float]:
    """The number, and its tolerance: by default half a unit of the last digit."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("nan")
    if number.is_nan():
        raise BenchError(f"--value {value} is not a number.")
    if tolerance is None:
        exponent = number.as_tuple().exponent
        tolerance = 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0
    return float(number), tolerance
