"""Benchmark and evaluation toolkit for egocentric action frame generation."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# The public functions and the modules that hold them: importing the package loads none of these.
_PUBLIC = {
    "load_split": "splits",
    "load_run": "runs",
    "load_scores": "scores",
    "prepare": "preparing.stage",
    "report": "reporting.building",
    "run": "running.stage",
    "score": "scoring.stage",
    "slice_scores": "scoring.slices",
    "diagnose": "scoring.doctor",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
