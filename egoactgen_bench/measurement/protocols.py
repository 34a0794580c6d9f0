"""Which metrics a call computes: the variants of a protocol, and what is missing for some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from egoactgen_bench.api import options, plugins
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Role
from egoactgen_bench.api.published_weights import how_to_get
from egoactgen_bench.artifacts.manifests import MetricDefaults
from egoactgen_bench.errors import BenchError, did_you_mean

PROTOCOLS = ("standard", "lego-release")
NO_TOY = "are no toy weights: `--weights-dir DIR` names a folder of published ones"
PUBLISHED_PROTOCOL = "lego-release"  # the one that the paper's numbers were made by


@dataclass(frozen=True)
class Defaults:
    """What takes the place of a protocol's options before `-o` does.

    `of_split`: metric → option → value, as the data set declared it. `of_call`: an option that
    several metrics have (`captioner`) → value.
    """

    of_split: MetricDefaults = field(default_factory=dict)
    of_call: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Selection:
    """The metrics of a call in the order of the tables, and those left out.

    `failed` were named by the user: metric → a sentence. `skipped` were not: what they lack → them.
    """

    metrics: list[Metric] = field(default_factory=list)
    expected: dict[str, options.Options] = field(default_factory=dict)  # metric → its protocol's
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def deviating(self) -> list[str]:
        """The metrics whose options are not the protocol's own."""
        return [each.name for each in self.metrics if each.options != self.expected[each.name]]


def select(
    protocol: str,
    names: Sequence[str] | None,
    values: Mapping[str, str],
    context: MetricContext,
    roles: frozenset[Role],
    defaults: Defaults,
) -> Selection:
    """Build the protocol's metrics, all of them or those named.

    `values` are options as `metric.key` → value, which override `defaults`; `roles` is what the
    split and its descriptions provide. Unknown names and options are a `BenchError`.
    """
    if protocol not in PROTOCOLS:
        raise BenchError(f"Unknown protocol '{protocol}'.{did_you_mean(protocol, PROTOCOLS)}")
    classes = [plugins.load("metrics", name)[0] for name in names or plugins.registered("metrics")]
    given = _by_metric(values, [metric.name for metric in classes])
    selection = Selection()
    for metric in sorted(dict.fromkeys(classes), key=lambda metric: metric.position):
        if protocol not in metric.variants():
            if names is not None:
                raise BenchError(
                    f"Metric {metric.name} has no {protocol} variant: it belongs to "
                    f"{', '.join(metric.variants())}."
                )
            continue
        own = protocol_options(metric, protocol, defaults)
        values_of = own.model_dump() | given.get(metric.name, {})
        built = metric(options.resolve(metric.Options, values_of, f"Metric {metric.name}"), context)
        why_not = obstacle(built, roles)
        if why_not is None:
            selection.metrics.append(built)
            selection.expected[built.name] = own
        elif names is None:
            selection.skipped.setdefault(_lacking(built, roles), []).append(metric.name)
        else:
            selection.failed[metric.name] = why_not
    return selection


def left_out(skipped: Mapping[str, Sequence[str]]) -> str:
    """One line on the metrics that nobody named and that cannot be computed; empty for none."""
    groups = [f"{', '.join(names)} ({lacking})" for lacking, names in skipped.items()]
    return f"left out: {'; '.join(groups)}" if groups else ""


def _by_metric(values: Mapping[str, str], metrics: Sequence[str]) -> dict[str, dict[str, str]]:
    """`{"lpips.network": "vgg"}` → `{"lpips": {"network": "vgg"}}`."""
    given: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        metric, _, option = key.partition(".")
        if metric not in metrics or not option:
            raise BenchError(
                f"Option '-o {key}={value}' names no metric of this call: write "
                f"-o metric.option=value.{did_you_mean(metric, metrics)}"
            )
        given.setdefault(metric, {})[option] = value
    return given


def protocol_options(metric: type[Metric], protocol: str, defaults: Defaults) -> options.Options:
    """A metric's options in a protocol, on a split and in a call with these defaults."""
    values: dict[str, Any] = metric.variants()[protocol].model_dump()
    shared = defaults.of_split.get(metric.shares_defaults_of or "", {})
    for found in (shared, defaults.of_call):
        values |= {key: value for key, value in found.items() if key in values}
    own = defaults.of_split.get(metric.name, {})
    return options.resolve(metric.Options, values | dict(own), f"Metric {metric.name}")


def obstacle(metric: Metric, roles: frozenset[Role]) -> str | None:
    """Why a metric cannot be computed here, and what to do about it."""
    if lacking := sorted(metric.needs - roles):
        return (
            f"{metric.name} needs the samples' {lacking[0]}: name a set of them by --descriptions."
            if lacking == ["description"]
            else f"{metric.name} needs the samples' {lacking[0]}, which this split lacks."
        )
    if missing := metric.missing_weights():
        if metric.context.weights_folder.label:
            return f"{metric.name} needs {', '.join(missing)}, for which there {NO_TOY}."
        how = how_to_get(missing, type(metric), metric.context.weights)
        return f"{metric.name} needs {', '.join(missing)}: {how}."
    return metric.obstacle()


def _lacking(metric: Metric, roles: frozenset[Role]) -> str:
    """What is lacking, in the words that all metrics that lack the same share."""
    if lacking := sorted(metric.needs - roles):
        hint = ": `--descriptions NAME` names a set" if lacking == ["description"] else ""
        return f"no {lacking[0]}s{hint}"
    if metric.missing_weights() and metric.context.weights_folder.label:
        return f"there {NO_TOY}"
    if metric.missing_weights():
        return "no weights: `bench models list` names them, `bench models fetch NAME…` gets them"
    return metric.obstacle() or ""
