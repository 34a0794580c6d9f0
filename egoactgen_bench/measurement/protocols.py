"""Which metrics a call computes: their variants in a protocol, and what some of them lack."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from egoactgen_bench.api import options, plugins
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Role
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.api.plugin_declarations import build_plugin, require_subclass
from egoactgen_bench.api.published_weights import how_to_get
from egoactgen_bench.artifacts.manifests import MetricDefaults
from egoactgen_bench.errors import BenchError, did_you_mean

PROTOCOLS = ("standard", "lego-release")
NO_TOY = "no toy weights exist: pass `--weights-dir DIR` with the published weights"
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
RESERVED = ("run", "n")  # columns of summary.csv, next to those of the metrics
ENDINGS = ("_lo", "_hi", "_n")
PUBLISHED_PROTOCOL = "lego-release"  # the one that reproduces the paper's numbers
MOST_NAMED = 3  # metrics that lack the same, in a notice


@dataclass(frozen=True)
class Defaults:
    """Values that replace the defaults of a protocol's options; `-o` overrides them.

    `of_split`: metric → option → value, declared by the data set. `of_call`: option → value, for
    every metric with that option (`captioner`).
    """

    of_split: MetricDefaults = field(default_factory=dict)
    of_call: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Selection:
    """The metrics of a call in the order of the tables, and those left out.

    `expected`: metric → its options in the protocol. `failed`, those named by the user: metric →
    reason. `skipped`, the others: reason → metrics.
    """

    metrics: list[Metric[Any]] = field(default_factory=list)
    expected: dict[str, options.Options] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def deviating(self) -> list[str]:
        """The metrics whose options differ from the protocol's."""
        return [each.name for each in self.metrics if each.options != self.expected[each.name]]


def select(
    protocol: str,
    names: Sequence[str] | None,
    values: Mapping[str, str],
    context: MetricContext,
    roles: frozenset[Role],
    defaults: Defaults,
) -> Selection:
    """Build the metrics of a protocol, all of them or those in `names`.

    `values` maps `metric.key` to an option's value, and overrides `defaults`. `roles` are those
    that the split and its descriptions provide. Raises `BenchError` for an unknown protocol,
    metric or option, and for a named metric that has no variant in the protocol.
    """
    if protocol not in PROTOCOLS:
        raise BenchError(f"Unknown protocol '{protocol}'.{did_you_mean(protocol, PROTOCOLS)}")
    selection = Selection()
    classes = _classes(names, selection)
    given = _by_metric(values, [metric.name for metric in classes])
    for metric in sorted(classes, key=lambda metric: metric.position):
        variants = call(metric, "variants")
        if protocol not in variants:
            if names is not None:
                raise BenchError(
                    f"Metric {metric.name} has no {protocol} variant, only "
                    f"{', '.join(variants)}: choose it with --protocol."
                )
            continue
        own = protocol_options(metric, protocol, defaults)
        values_of = own.model_dump() | given.get(metric.name, {})
        resolved = options.resolve(metric.Options, values_of, f"Metric {metric.name}")
        built = build_plugin(metric, resolved, context)
        why_not = obstacle(built, roles)
        if why_not is None:
            selection.metrics.append(built)
            selection.expected[built.name] = own
        elif names is None:
            selection.skipped.setdefault(_lacking(built, roles), []).append(metric.name)
        else:
            selection.failed[metric.name] = why_not
    return selection


def check_options(values: Mapping[str, str], names: Sequence[str] | None) -> None:
    """Refuse options of metrics that are unknown or not in `names`; needs no PyTorch."""
    if not values:
        return
    classes = _classes(names, Selection())
    given = _by_metric(values, [metric.name for metric in classes])
    for metric in classes:
        if metric.name in given:
            default = next(iter(call(metric, "variants").values())).model_dump()
            resolved = default | given[metric.name]
            options.resolve(metric.Options, resolved, f"Metric {metric.name}")


def _classes(names: Sequence[str] | None, selection: Selection) -> list[type[Metric[Any]]]:
    """The metrics in `names`, or all registered ones; broken ones of those are skipped."""
    classes: list[type[Metric[Any]]] = []
    for name in names or plugins.registered("metrics"):
        try:
            found = require_subclass(plugins.load("metrics", name)[0], Metric, name)
        except BenchError as error:
            if names is not None:
                raise
            selection.skipped.setdefault(str(error).rstrip("."), []).append(name)
            continue
        classes += [found] if found not in classes else []
    _check_names(classes)
    return classes


def _check_names(metrics: Sequence[type[Metric[Any]]]) -> None:
    """Refuse names that do not fit the columns of summary.csv, and two metrics of one name."""
    known: dict[str, type[Metric[Any]]] = {}
    for metric in metrics:
        place = f"{metric.__module__}:{metric.__qualname__}"
        if not NAME.fullmatch(metric.name):
            raise BenchError(
                f"The metric {place} is named {metric.name!r}; use at most 64 letters, digits, '_' "
                "and '-'."
            )
        if metric.name in RESERVED or metric.name.endswith(ENDINGS):
            raise BenchError(
                f"The metric {place} is named '{metric.name}', which is a column of summary.csv: "
                f"choose a name other than {', '.join(RESERVED)} that does not end in "
                f"{', '.join(ENDINGS)}."
            )
        other = known.setdefault(metric.name, metric)
        if other is not metric:
            raise BenchError(
                f"Two metrics are named '{metric.name}': {other.__module__}:{other.__qualname__} "
                f"and {place}; rename one of them."
            )


def left_out(skipped: Mapping[str, Sequence[str]]) -> str:
    """One line about the metrics that were skipped; empty if there are none."""
    groups = [f"{_some(names)} ({lacking})" for lacking, names in skipped.items()]
    more = "; `bench metrics` lists all" if any(map(_abridged, skipped.values())) else ""
    return f"left out: {'; '.join(groups)}{more}" if groups else ""


def _some(names: Sequence[str]) -> str:
    """All names, or the first and how many there are."""
    if _abridged(names):
        return f"{names[0]} and {len(names) - 1} more"
    return ", ".join(names)


def _abridged(names: Sequence[str]) -> bool:
    return len(names) > MOST_NAMED


def _by_metric(values: Mapping[str, str], metrics: Sequence[str]) -> dict[str, dict[str, str]]:
    """`{"lpips.network": "vgg"}` → `{"lpips": {"network": "vgg"}}`."""
    given: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        metric, _, option = key.partition(".")
        if metric not in metrics or not option:
            raise BenchError(
                f"Option '-o {key}={value}' does not name a metric of this call: write "
                f"-o metric.option=value.{did_you_mean(metric, metrics)}"
            )
        given.setdefault(metric, {})[option] = value
    return given


def protocol_options(
    metric: type[Metric[Any]], protocol: str, defaults: Defaults
) -> options.Options:
    """A metric's options in a protocol, with `defaults` applied."""
    values: dict[str, Any] = call(metric, "variants")[protocol].model_dump()
    shared = defaults.of_split.get(metric.shares_defaults_of or "", {})
    for found in (shared, defaults.of_call):
        values |= {key: value for key, value in found.items() if key in values}
    own = defaults.of_split.get(metric.name, {})
    resolved: options.Options = options.resolve(
        metric.Options, values | dict(own), f"Metric {metric.name}"
    )
    return resolved


def obstacle(metric: Metric[Any], roles: frozenset[Role]) -> str | None:
    """Why a metric cannot be computed here and what to do about it, or None if it can."""
    if lacking := sorted(metric.needs - roles):
        if lacking == ["against"]:
            return (
                f"{metric.name} compares with the images of {metric.against}, which are not "
                "available in memory: use `bench score`, or compare with copy-input."
            )
        if lacking == ["boxes"]:
            return (
                f"{metric.name} needs boxes of hands and objects, which this split does not have: "
                "add them with `bench prepare-splits DATASET … --boxes PATH`."
            )
        return (
            f"{metric.name} needs descriptions of the samples: select a set with --descriptions."
            if lacking == ["description"]
            else f"{metric.name} needs the samples' {lacking[0]}, which this split does not have."
        )
    if missing := metric.missing_weights():
        needs = f"{metric.name} needs {', '.join(missing)}"
        if metric.context.weights_folder.label:
            models = metric.context.workspace / "models"
            how = how_to_get(missing, type(metric), models)
            return (
                f"{needs}, for which no toy weights exist: {how}, and pass --weights-dir {models}."
            )
        return f"{needs}: {how_to_get(missing, type(metric), metric.context.weights)}."
    sentence: str | None = call(metric, "obstacle")
    return sentence


HINTS = {
    "description": ": select a set with `--descriptions NAME`",
    "boxes": " in the split: add them with `bench prepare-splits … --boxes PATH`",
}


def _lacking(metric: Metric[Any], roles: frozenset[Role]) -> str:
    """What a metric lacks, worded alike for all metrics that lack the same."""
    if lacking := sorted(metric.needs - roles):
        plural = lacking[0] if lacking[0].endswith("s") else f"{lacking[0]}s"
        return f"no {plural}{HINTS.get(lacking[0], '')}"
    if metric.missing_weights() and metric.context.weights_folder.label:
        return NO_TOY
    if metric.missing_weights():
        return "no weights: `bench models fetch --for METRIC` fetches them"
    return call(metric, "obstacle") or ""
