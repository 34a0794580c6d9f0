"""Benchmark and evaluation toolkit for egocentric action frame generation."""

from importlib import import_module
from typing import Any

__version__ = "0.2.0.dev0"

# The public functions and the modules that hold them: importing the package loads none of these.
_PUBLIC = {
    "load_split": "artifacts.splits",
    "load_run": "artifacts.runs",
    "load_scores": "artifacts.scores",
    "prepare": "stages.prepare.prepare_split",
    "report": "stages.report.write_report",
    "run": "stages.run.run_method",
    "score": "stages.score.score_runs",
    "slice_scores": "analysis.slices",
    "diagnose": "stages.doctor.diagnosis",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
