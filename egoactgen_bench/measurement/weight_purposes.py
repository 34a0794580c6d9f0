"""Which published weights a purpose needs: a metric, a data set's metrics, a method, a trainer."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.api.plugin_declarations import build_plugin, require_subclass
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.measurement.protocols import Defaults, protocol_options
from egoactgen_bench.weights.weights_registry import Declared, find

CONTEXT = MetricContext(weights=Path())  # of metrics that are only asked what they need
KINDS = ("metrics", "datasets", "methods", "trainers", "converters")  # whose names are purposes


def weights_for(purpose: str, declared: Sequence[Declared]) -> list[PublishedWeights]:
    """The published weights that `purpose` needs, in the order in which they are declared.

    `purpose` is the name of a metric: what it needs in every protocol; of a data set: what all
    metrics need with that data set's defaults; or of a method, trainer or converter: all that it
    declares. Alternatives are not included, only the first of them. Raises `BenchError` for an
    unknown purpose.
    """
    if ":" in purpose:
        return [each.weights for each in declared if purpose in each.used_by]
    kinds = [kind for kind in KINDS if purpose in plugins.registered(kind)]
    if not kinds:
        known = {name for kind in KINDS for name in plugins.registered(kind)}
        raise BenchError(
            f"Unknown purpose '{purpose}': name a metric, data set, method or trainer."
            + did_you_mean(purpose, known)
        )
    names: dict[str, None] = {}
    for kind in kinds:
        names |= dict.fromkeys(_names(kind, purpose))
    return [find(name, declared) for name in names]


def _names(kind: str, name: str) -> Iterable[str]:
    if kind == "metrics":
        metric = require_subclass(plugins.find(kind, name), Metric, name)
        return _of_metric(metric, built_variants(metric))
    if kind == "datasets":
        return _of_dataset(plugins.find(kind, name))
    return [weights.name for weights in getattr(plugins.find(kind, name), "published_weights", ())]


def _of_dataset(dataset: type[Dataset]) -> list[str]:
    """What the registered metrics need; nothing for a data set that has toy weights."""
    if dataset.toy:
        return []
    declared = dataset.metric_defaults
    if isinstance(declared, Mapping):
        defaults = [Defaults(declared)]
    elif declared is Dataset.metric_defaults:
        defaults = [Defaults()]
    else:  # they depend on the annotations
        defaults = [Defaults(), *_static_defaults()]
    found: dict[str, None] = {}
    for name in plugins.registered("metrics"):
        try:
            metric = require_subclass(plugins.find("metrics", name), Metric, name)
            found |= dict.fromkeys(_of_metric(metric, _built(metric, defaults, CONTEXT)))
        except BenchError:  # `bench metrics` reports it
            continue
    return list(found)


def built_variants(
    metric: type[Metric[Any]], context: MetricContext = CONTEXT
) -> list[Metric[Any]]:
    """The metric in each protocol, with its own defaults and with those of each data set."""
    return _built(metric, [Defaults(), *_static_defaults()], context)


def _built(
    metric: type[Metric[Any]], defaults: Sequence[Defaults], context: MetricContext
) -> list[Metric[Any]]:
    pairs = product(call(metric, "variants"), defaults)
    options = [protocol_options(metric, protocol, each) for protocol, each in pairs]
    return [build_plugin(metric, each, context) for each in options]


def _of_metric(metric: type[Metric[Any]], variants: Iterable[Metric[Any]]) -> list[str]:
    """The declared weights among those that variants of a metric need."""
    declared = {weights.name for weights in metric.published_weights}
    found: dict[str, None] = {}
    for variant in variants:
        for names in call(variant, "weights"):
            found |= dict.fromkeys([name for name in names if name in declared][:1])
    return list(found)


def _static_defaults() -> list[Defaults]:
    """The defaults that registered data sets declare for all of their splits."""
    found = []
    for name in plugins.registered("datasets"):
        try:
            declared = getattr(plugins.find("datasets", name), "metric_defaults", None)
        except BenchError:  # `bench datasets` reports it
            continue
        found += [Defaults(declared)] if isinstance(declared, Mapping) else []
    return found
