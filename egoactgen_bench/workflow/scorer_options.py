"""The options of `Scorer`, and what its data set and metrics stand for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from egoactgen_bench.api import plugins
from egoactgen_bench.api.common_options import (
    BatchSize,
    CaptionerName,
    Device,
    Protocol,
    WeightsDir,
)
from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.options import Pairs
from egoactgen_bench.artifacts.manifests import MetricDefaults
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.endpoints.uploads import licence_of
from egoactgen_bench.errors import BenchError
from egoactgen_bench.judging.judge_options import JudgeOptions
from egoactgen_bench.workflow.named_inputs import items, plugin_name

MetricNames = str | type[Metric[Any]] | Sequence[str | type[Metric[Any]]]


class ScorerOptions(JudgeOptions):
    """The options of `Scorer`, named as those of `bench score`."""

    protocol: Protocol = "standard"
    weights: WeightsDir = None
    captioner: CaptionerName = "transformers"
    batch_size: BatchSize = 16
    device: Device = "auto"
    options: Annotated[
        Pairs, Field(description='Options of a metric: {"lpips.network": "vgg"}.')
    ] = Field(default_factory=dict)
    workspace: Annotated[
        Path | None,
        Field(description="The workspace (default: $BENCH_WORKSPACE, else ./workspace)."),
    ] = None


def metric_names(metrics: Any) -> list[str]:
    """The names of metrics that are given as names, words separated by commas, or classes."""
    if isinstance(metrics, str):
        metrics = [word.strip() for word in metrics.split(",") if word.strip()]
    return [plugin_name("metrics", metric) for metric in items(metrics, type, "metrics")]


def licence_of_images(dataset: str | Split | None) -> str | None:
    """The licence of the images, which may forbid sending them to a judge."""
    if dataset is None:
        return "licence of a data set that was not named (dataset=)"
    if isinstance(dataset, Split):
        return licence_of(dataset.manifest)
    licence: str | None = plugins.find("datasets", dataset).licence
    return licence


def declared_by(dataset: str | Split | None) -> tuple[str, MetricDefaults]:
    """The name of a data set, and the defaults of metrics that it declares."""
    if dataset is None:
        return "", {}
    if isinstance(dataset, Split):
        return dataset.manifest.dataset, dataset.manifest.metric_defaults
    declared = plugins.find("datasets", dataset).metric_defaults
    if declared is Dataset.metric_defaults:
        return dataset, {}
    if not isinstance(declared, Mapping):
        raise BenchError(
            f"The defaults of data set '{dataset}' depend on its annotations: pass dataset=split."
        )
    return dataset, declared
