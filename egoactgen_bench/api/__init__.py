"""The interfaces, options and records that plug-ins import.

    from egoactgen_bench.api import Method, Options, Request

Importing the package loads none of its modules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from egoactgen_bench.api.converter import Converter as Converter
    from egoactgen_bench.api.dataset import Dataset as Dataset
    from egoactgen_bench.api.feature_metric import CosineMetric as CosineMetric
    from egoactgen_bench.api.feature_metric import FeatureMetric as FeatureMetric
    from egoactgen_bench.api.feature_metric import FeatureSetMetric as FeatureSetMetric
    from egoactgen_bench.api.method import Method as Method
    from egoactgen_bench.api.method import MethodContext as MethodContext
    from egoactgen_bench.api.metric import CaptionSource as CaptionSource
    from egoactgen_bench.api.metric import Metric as Metric
    from egoactgen_bench.api.metric import MetricContext as MetricContext
    from egoactgen_bench.api.metric_batch import Batch as Batch
    from egoactgen_bench.api.metric_batch import Extractor as Extractor
    from egoactgen_bench.api.metric_deviations import Deviation as Deviation
    from egoactgen_bench.api.options import Options as Options
    from egoactgen_bench.api.published_weights import PublishedWeights as PublishedWeights
    from egoactgen_bench.api.records import ActionClip as ActionClip
    from egoactgen_bench.api.records import FrameSource as FrameSource
    from egoactgen_bench.api.records import Rejection as Rejection
    from egoactgen_bench.api.records import Request as Request
    from egoactgen_bench.api.trainer import Prerequisite as Prerequisite
    from egoactgen_bench.api.trainer import Trainer as Trainer
    from egoactgen_bench.api.trainer import TrainingContext as TrainingContext
    from egoactgen_bench.errors import BenchError as BenchError
    from egoactgen_bench.errors import SampleError as SampleError

# Public names and the modules that define them.
_PUBLIC = {
    "ActionClip": "api.records",
    "Batch": "api.metric_batch",
    "BenchError": "errors",
    "CaptionSource": "api.metric",
    "Converter": "api.converter",
    "CosineMetric": "api.feature_metric",
    "Dataset": "api.dataset",
    "Deviation": "api.metric_deviations",
    "Extractor": "api.metric_batch",
    "FeatureMetric": "api.feature_metric",
    "FeatureSetMetric": "api.feature_metric",
    "FrameSource": "api.records",
    "Method": "api.method",
    "MethodContext": "api.method",
    "Metric": "api.metric",
    "MetricContext": "api.metric",
    "Options": "api.options",
    "Prerequisite": "api.trainer",
    "PublishedWeights": "api.published_weights",
    "Rejection": "api.records",
    "Request": "api.records",
    "SampleError": "errors",
    "Trainer": "api.trainer",
    "TrainingContext": "api.trainer",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"egoactgen_bench.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
