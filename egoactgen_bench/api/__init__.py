"""What the author of a plug-in imports: interfaces, options, records.

    from egoactgen_bench.api import Method, Options, Request

Importing the package loads none of its modules.
"""

from importlib import import_module
from typing import Any

# The public names and the modules that hold them.
_PUBLIC = {
    "ActionClip": "records",
    "Batch": "metric_batch",
    "Converter": "converter",
    "Dataset": "dataset",
    "Extractor": "metric_batch",
    "FrameSource": "records",
    "Method": "method",
    "Metric": "metric",
    "Options": "options",
    "Rejection": "records",
    "Request": "records",
    "TrainingContext": "trainer",
    "Trainer": "trainer",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
