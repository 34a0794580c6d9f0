"""Which metrics a call computes: the variants of a protocol, and what is missing for some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from egoactgen_bench.api import options, plugins
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Role
from egoactgen_bench.errors import BenchError, did_you_mean

PROTOCOLS = ("standard", "lego-release")
NO_TOY = "are no toy weights: `--weights-dir DIR` names a folder of published ones"
PUBLISHED_PROTOCOL = "lego-release"  # the one that the paper's numbers were made by


@dataclass
class Selection:
    """The metrics of a call in the order of the tables, and those left out.

    `failed` were named by the user: metric → a sentence. `skipped` were not: what they lack → them.
    """

    metrics: list[Metric] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def deviating(self, protocol: str) -> list[str]:
        """The metrics whose options are not the protocol's own."""
        return [
            metric.name for metric in self.metrics if metric.options != metric.variants()[protocol]
        ]


def select(
    protocol: str,
    names: Sequence[str] | None,
    values: Mapping[str, str],
    context: MetricContext,
    roles: frozenset[Role],
) -> Selection:
    """Build the protocol's metrics, all of them or those named.

    `values` are options as `metric.key` → value; `roles` is what the split and its descriptions
    offer. Unknown names and options are a `BenchError`.
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
        built = metric(_resolve(metric, protocol, given.get(metric.name, {})), context)
        why_not = obstacle(built, roles)
        if why_not is None:
            selection.metrics.append(built)
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


def _resolve(metric: type[Metric], protocol: str, given: dict[str, str]) -> options.Options:
    variant: dict[str, Any] = metric.variants()[protocol].model_dump()
    return options.resolve(metric.Options, variant | given, f"Metric {metric.name}")


def obstacle(metric: Metric, roles: frozenset[Role]) -> str | None:
    """Why a metric cannot be computed here, and what to do about it."""
    if lacking := sorted(metric.needs - roles):
        return (
            f"{metric.name} needs the samples' {lacking[0]}: name a set of them by --descriptions."
            if lacking == ["description"]
            else f"{metric.name} needs the samples' {lacking[0]}, which this split lacks."
        )
    if missing := metric.missing_weights():
        if metric.context.stand_in:
            return f"{metric.name} needs {', '.join(missing)}, for which there {NO_TOY}."
        command = f"bench models fetch {' '.join(missing)}"
        return f"{metric.name} needs {', '.join(missing)}: get it with `{command}`."
    return metric.obstacle()


def _lacking(metric: Metric, roles: frozenset[Role]) -> str:
    """What is lacking, in the words that all metrics that lack the same share."""
    if lacking := sorted(metric.needs - roles):
        hint = ": `--descriptions NAME` names a set" if lacking == ["description"] else ""
        return f"no {lacking[0]}s{hint}"
    if metric.missing_weights() and metric.context.stand_in:
        return f"there {NO_TOY}"
    if metric.missing_weights():
        return "no weights: `bench models list` names them, `bench models fetch NAME…` gets them"
    return metric.obstacle() or ""
