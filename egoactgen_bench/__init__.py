"""Benchmark and evaluation toolkit for egocentric action frame generation.

    import egoactgen_bench as bench

    split = bench.prepare("toy-kitchen", limit=8)
    run = bench.run("lego", split)
    print(bench.score(split, run).summary)

docs/python.md describes the functions, docs/plugins.md the base classes of plug-ins. Importing the
package loads none of its modules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from egoactgen_bench.api import ActionClip as ActionClip
    from egoactgen_bench.api import Batch as Batch
    from egoactgen_bench.api import Converter as Converter
    from egoactgen_bench.api import CosineMetric as CosineMetric
    from egoactgen_bench.api import Dataset as Dataset
    from egoactgen_bench.api import Extractor as Extractor
    from egoactgen_bench.api import FeatureMetric as FeatureMetric
    from egoactgen_bench.api import FeatureSetMetric as FeatureSetMetric
    from egoactgen_bench.api import FrameSource as FrameSource
    from egoactgen_bench.api import Method as Method
    from egoactgen_bench.api import Metric as Metric
    from egoactgen_bench.api import Options as Options
    from egoactgen_bench.api import PublishedWeights as PublishedWeights
    from egoactgen_bench.api import Rejection as Rejection
    from egoactgen_bench.api import Request as Request
    from egoactgen_bench.api import Trainer as Trainer
    from egoactgen_bench.artifacts.metric_agreement import MetricAgreement as MetricAgreement
    from egoactgen_bench.artifacts.runs import Run as Run
    from egoactgen_bench.artifacts.scores import Scores as Scores
    from egoactgen_bench.artifacts.splits import Split as Split
    from egoactgen_bench.artifacts.studies import Study as Study
    from egoactgen_bench.artifacts.trainings import Training as Training
    from egoactgen_bench.errors import BenchError as BenchError
    from egoactgen_bench.errors import SampleError as SampleError
    from egoactgen_bench.stages.agreement.agree_options import AgreementOptions as AgreementOptions
    from egoactgen_bench.stages.doctor.diagnosis import Diagnosis as Diagnosis
    from egoactgen_bench.stages.doctor.doctor_options import DiagnoseOptions as DiagnoseOptions
    from egoactgen_bench.stages.imagine.imagine_actions import Imagined as Imagined
    from egoactgen_bench.stages.imagine.imagine_options import ImagineOptions as ImagineOptions
    from egoactgen_bench.stages.pack import Packed as Packed
    from egoactgen_bench.stages.prepare.prepare_options import PrepareOptions as PrepareOptions
    from egoactgen_bench.stages.report.write_report import Report as Report
    from egoactgen_bench.stages.run.run_options import RunOptions as RunOptions
    from egoactgen_bench.stages.score.score_options import ScoreOptions as ScoreOptions
    from egoactgen_bench.stages.study.imported_answers import Imported as Imported
    from egoactgen_bench.stages.study.study_options import StudyOptions as StudyOptions
    from egoactgen_bench.stages.train.train_options import TrainOptions as TrainOptions
    from egoactgen_bench.workflow.evaluating import diagnose as diagnose
    from egoactgen_bench.workflow.evaluating import pack as pack
    from egoactgen_bench.workflow.evaluating import report as report
    from egoactgen_bench.workflow.evaluating import report_archives as report_archives
    from egoactgen_bench.workflow.evaluating import score as score
    from egoactgen_bench.workflow.evaluating import verify as verify
    from egoactgen_bench.workflow.generating import imagine as imagine
    from egoactgen_bench.workflow.generating import prepare as prepare
    from egoactgen_bench.workflow.generating import run as run
    from egoactgen_bench.workflow.generating import train as train
    from egoactgen_bench.workflow.loading import load_run as load_run
    from egoactgen_bench.workflow.loading import load_scores as load_scores
    from egoactgen_bench.workflow.loading import load_split as load_split
    from egoactgen_bench.workflow.loading import load_study as load_study
    from egoactgen_bench.workflow.loading import load_training as load_training
    from egoactgen_bench.workflow.loading import slice_scores as slice_scores
    from egoactgen_bench.workflow.scorer import Scorer as Scorer
    from egoactgen_bench.workflow.scorer import compare as compare
    from egoactgen_bench.workflow.user_studies import agreement as agreement
    from egoactgen_bench.workflow.user_studies import export_study as export_study
    from egoactgen_bench.workflow.user_studies import import_answers as import_answers

__version__ = "0.2.0.dev0"

# Public names by the module that defines them.
_MODULES = {
    "api": (
        "ActionClip",
        "Batch",
        "Converter",
        "CosineMetric",
        "Dataset",
        "Extractor",
        "FeatureMetric",
        "FeatureSetMetric",
        "FrameSource",
        "Method",
        "Metric",
        "Options",
        "PublishedWeights",
        "Rejection",
        "Request",
        "Trainer",
    ),
    "artifacts.metric_agreement": ("MetricAgreement",),
    "artifacts.runs": ("Run",),
    "artifacts.scores": ("Scores",),
    "artifacts.splits": ("Split",),
    "artifacts.studies": ("Study",),
    "artifacts.trainings": ("Training",),
    "errors": ("BenchError", "SampleError"),
    "stages.agreement.agree_options": ("AgreementOptions",),
    "stages.doctor.diagnosis": ("Diagnosis",),
    "stages.doctor.doctor_options": ("DiagnoseOptions",),
    "stages.imagine.imagine_actions": ("Imagined",),
    "stages.imagine.imagine_options": ("ImagineOptions",),
    "stages.pack": ("Packed",),
    "stages.prepare.prepare_options": ("PrepareOptions",),
    "stages.report.write_report": ("Report",),
    "stages.run.run_options": ("RunOptions",),
    "stages.score.score_options": ("ScoreOptions",),
    "stages.study.imported_answers": ("Imported",),
    "stages.study.study_options": ("StudyOptions",),
    "stages.train.train_options": ("TrainOptions",),
    "workflow.evaluating": ("diagnose", "pack", "report", "report_archives", "score", "verify"),
    "workflow.generating": ("imagine", "prepare", "run", "train"),
    "workflow.loading": (
        "load_run",
        "load_scores",
        "load_split",
        "load_study",
        "load_training",
        "slice_scores",
    ),
    "workflow.scorer": ("Scorer", "compare"),
    "workflow.user_studies": ("agreement", "export_study", "import_answers"),
}
_PUBLIC = {name: module for module, names in _MODULES.items() for name in names}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
