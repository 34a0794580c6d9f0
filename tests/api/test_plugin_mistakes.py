"""Mistakes in plug-ins end in one sentence that names the plug-in and what is wrong."""

import re
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch

from broken_plugins import SoundDataset, SoundMethod, SoundMetric, SoundTrainer
from drawn_runs import write_run
from drawn_split import write_drawn_split
from egoactgen_bench.api import (
    Extractor,
    FeatureMetric,
    FeatureSetMetric,
    Options,
    Rejection,
    SampleError,
    plugins,
)
from egoactgen_bench.api.plugin_declarations import require_subclass
from egoactgen_bench.artifacts.manifests import TRAIN
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.prepare.split_plan import open_dataset, plan_split
from egoactgen_bench.stages.run import run_method
from egoactgen_bench.stages.score import score_runs
from egoactgen_bench.stages.train import train_weights


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = write_drawn_split(tmp_path_factory.mktemp("mistakes") / "splits" / "drawn", 3)
    return load_split(folder), load_run(write_run(folder, "noisy", 9.0))


@pytest.fixture
def define(monkeypatch):
    """Define `mine:Mine`, a subclass with some attributes, and return its name."""
    module = ModuleType("mine")
    monkeypatch.setitem(sys.modules, "mine", module)

    def define(base, attributes, name="Mine"):
        made = type(name, (base,), {"__module__": "mine"} | attributes)
        setattr(module, name, made)
        return f"mine:{name}"

    return define


def giving(value):
    """A method of any arguments that returns `value`."""
    return lambda *arguments: value


def raising(error):
    """A method of any arguments that raises `error`."""

    def method(*arguments):
        raise error

    return method


def required():
    return {"Options": type("O", (Options,), {"__annotations__": {"x": int}})}


def optional(kind, value):
    return {"Options": type("O", (Options,), {"__annotations__": {"x": kind}, "x": value})}


DECLARATIONS = [
    ({"Options": None}, "Options is None; it must be a class derived from"),
    ({"Options": {"x": 1}}, "Options is a dict of 1"),
    ({"Options": lambda self: None}, "Options is a value of type function"),
    ({"Options": type("Plain", (), {})}, "Options is the class Plain"),
    ({"Options": Options()}, "Options is a value of type Options"),
    (optional(int, "abc"), "the default of option x, 'abc', is invalid: input should be a valid"),
    (optional(object, giving(1)), "the default of option x is"),
    ({"packages": None}, "packages is None; it must be tuple[str, ...]"),
    ({"packages": "numpy"}, "packages is 'numpy'; it must be tuple[str, ...]"),
]


@pytest.mark.parametrize(("attributes", "sentence"), DECLARATIONS)
def test_declarations(define, attributes, sentence):
    for base, kind in ((SoundMethod, "methods"), (SoundMetric, "metrics")):
        name = define(base, attributes)
        with pytest.raises(BenchError, match=re.escape(sentence)):
            require_subclass(plugins.find(kind, name), base.__mro__[1], name)


METHODS = [
    ({"default_batch_size": 0}, "default_batch_size is 0; it must be int (input should be greater"),
    ({"__init__": lambda self: None}, "Method mine:Mine.__init__ failed (TypeError: "),
    ({"__init__": giving(None)}, "__init__ must call super().__init__(options, context)"),
    ({"weight_files": giving(None)}, "weight_files returned None; it must return list[Path]"),
    ({"weight_files": giving("a")}, "weight_files returned 'a'; it must return list[Path]"),
    ({"weight_files": giving([Path("no")])}, "weight_files names no, which is not a file"),
    ({"sources": giving({"x": object()})}, "it must return dict[str, str] (x: input should be"),
    ({"load": raising(KeyError("unet"))}, "Method mine:Mine.load failed (KeyError: 'unet')"),
    ({"prompt": giving(None)}, "prompt returned None; it must return str"),
]


@pytest.mark.parametrize(("attributes", "sentence"), METHODS)
def test_methods(define, drawn, tmp_path, attributes, sentence):
    with pytest.raises(BenchError, match=re.escape(sentence)):
        run_method.run(define(SoundMethod, attributes), drawn[0], tmp_path / "run", device="cpu")


def test_codes_of_failed_samples(define, drawn, tmp_path):
    errors = [SampleError("ok", "all is well"), SampleError(""), SampleError("too hard")]
    name = define(SoundMethod, {"generate": giving(errors), "default_batch_size": 3})
    run = run_method.run(name, drawn[0], tmp_path / "run", device="cpu", keep_going=True)
    assert list(run.samples["status"]) == ["invalid_output"] * 3
    assert run.samples["detail"][0] == (
        "SampleError('ok: all is well'), whose code is not a word of a-z, 0-9 and _, or is 'ok'"
    )
    run_method.run(
        define(SoundMethod, {"generate": raising(SampleError("no_text"))}, "Sound"),
        drawn[0],
        tmp_path / "sound",
        device="cpu",
        keep_going=True,
    )
    assert set(load_run(tmp_path / "sound").samples["status"]) == {"no_text"}


def score(drawn, tmp_path, metrics, **choices):
    choices = {"bootstrap": 0, "device": "cpu", "workspace": tmp_path} | choices
    return score_runs.score(drawn[0], [drawn[1]], tmp_path / "scores", metrics=metrics, **choices)


METRICS = [
    (giving(None), "returned None; it must return a NumPy array of numbers of shape (3, width)"),
    (giving([[1.0]] * 3), "returned a list of 3; it must return"),
    (giving(1.0), "returned 1.0; it must return"),
    (giving(np.ones(3)), "returned an array (3,) of float64; it must return"),
    (giving(np.ones((3, 0))), "returned an array (3, 0) of float64"),
    (giving(np.array([["a"]] * 3)), "returned an array (3, 1) of <U1"),
    (giving(np.array([[None]] * 3)), "returned an array (3, 1) of object"),
    (giving(np.ones((3, 1), complex)), "returned an array (3, 1) of complex128"),
    (giving(pd.DataFrame({"x": [1.0] * 3})), "returned a DataFrame of 3"),
    (giving(torch.ones(3, 1)), "returned a Tensor (3, 1) of torch.float32"),
    (raising(ZeroDivisionError("no")), "failed (ZeroDivisionError: no)"),
    (raising(SampleError("ok")), "raised SampleError('ok'), whose code is not"),
    (
        lambda self, batch: batch.images("outputs"),
        "failed (ValueError: no role 'outputs' among the metric's `needs`. Did you mean 'output'?",
    ),
]


def test_a_failing_metric_does_not_affect_the_others(define, drawn, tmp_path):
    names = [
        define(SoundMetric, {"measure": measure, "name": f"m{number}"}, f"M{number}")
        for number, (measure, _) in enumerate(METRICS)
    ]
    names.append(define(SoundMetric, {"name": "late", "summarise": giving(None)}, "Late"))
    scores = score(drawn, tmp_path, ["psnr", *names])
    assert list(scores.metrics) == ["psnr"]
    for number, (_, sentence) in enumerate(METRICS):
        assert scores.failed_metrics[f"m{number}"].startswith(
            f"Metric m{number}.measure {sentence}"
        )
    assert scores.failed_metrics["late"] == (
        "Metric late.summarise returned None; it must return float."
    )
    assert "late failed (see failed_metrics)>" in repr(scores)
    (tmp_path / "scores" / "kept").touch()
    with pytest.raises(BenchError, match=r"No metric could be computed; .* Metric m0\.measure"):
        score(drawn, tmp_path, names)
    assert (tmp_path / "scores" / "score.json").is_file()


CHOICES = [
    ({"needs": "output"}, "needs is 'output'; it must be frozenset["),
    ({"needs": frozenset({"outputs"})}, "needs is a frozenset of 1; it must be"),
    ({"factor": "100"}, "factor is '100'; it must be float"),
    ({"decimals": 9}, "decimals is 9; it must be int (input should be less than or equal to 8)"),
    ({"label": 3}, "label is 3; it must be str"),
    ({"facts": giving({"range": 255})}, "(range: input should be a valid string)"),
    ({"obstacle": giving(3)}, "obstacle returned 3; it must return str | None"),
    ({"weights": giving(("file.pth",))}, "it must return tuple[tuple[str, ...], ...] (0: "),
    (required(), "Metric sound: option x needs a default value"),
    ({"name": 3}, "name is 3; it must be str"),
    ({"name": ""}, "is named ''; use at most 64 letters"),
    ({"name": "a b/c"}, "is named 'a b/c'; use"),
    ({"name": "n"}, "is named 'n', which is a column of summary.csv"),
    ({"name": "psnr_lo"}, "is named 'psnr_lo', which is a column of summary.csv"),
    ({"name": "psnr"}, "Two metrics are named 'psnr': egoactgen_bench.metrics.psnr:Psnr and mine"),
]


@pytest.mark.parametrize(("attributes", "sentence"), CHOICES)
def test_metrics_that_cannot_be_selected(define, drawn, tmp_path, attributes, sentence):
    with pytest.raises(BenchError, match=re.escape(sentence)):
        score(drawn, tmp_path, ["psnr", define(SoundMetric, attributes)])


class Mean(Extractor):
    """The mean level of a frame."""

    def signature(self):
        return "mean"

    def extract(self, items):
        return np.array([[np.asarray(frame).mean()] for (frame,) in items], np.float32)


class Flat(Mean):
    """One dimension too few."""

    def extract(self, items):
        return np.ones(len(items), np.float32)


COMMON = {"name": "own", "label": "Own", "higher_is_better": False}
FEATURES = [
    (FeatureMetric, {"extractor": giving(None), "compare": giving(1)}, "extractor returned None"),
    (FeatureMetric, {"extractor": giving("a"), "compare": giving(1)}, "extractor returned 'a'"),
    (
        FeatureMetric,
        {"extractor": giving(Flat()), "compare": giving(1)},
        "Flat.extract returned an array (3,) of float32",
    ),
    (
        FeatureMetric,
        {"extractor": giving(Mean()), "compare": giving(0.5)},
        "own.compare returned 0.5; it must return a NumPy array of numbers of shape (3,)",
    ),
    (
        FeatureSetMetric,
        {"extractor": giving(Mean()), "distance": giving(None)},
        "own.distance returned None; it must return float",
    ),
]


@pytest.mark.parametrize(("base", "attributes", "sentence"), FEATURES)
def test_metrics_on_features(define, drawn, tmp_path, base, attributes, sentence):
    with pytest.raises(BenchError, match=re.escape(sentence)):
        score(drawn, tmp_path, define(base, COMMON | attributes))


def test_a_broken_registered_metric_does_not_affect_the_others(
    define, drawn, tmp_path, monkeypatch
):
    known = {name: plugins.registered("metrics")[name] for name in ("psnr",)}
    known["broken"] = EntryPoint("broken", define(SoundMetric, {"label": 3}), "metrics")
    monkeypatch.setattr(plugins, "registered", lambda kind: known if kind == "metrics" else {})
    scores = score(drawn, tmp_path, None)
    assert list(scores.metrics) == ["psnr"]
    assert scores.manifest.skipped_metrics == {
        "Metric sound.label is 3; it must be str": ["broken"]
    }


def test_a_run_with_the_name_of_a_reference(drawn, tmp_path):
    run = replace(drawn[1], folder=drawn[1].folder.with_name("target"))
    with pytest.raises(BenchError, match="A run of 'noisy' is named 'target' like the reference"):
        score((drawn[0], run), tmp_path, "psnr", references="target")


def clip(**changes):
    return replace(next(SoundDataset(None, None, "val").clips()), **changes)


DATASETS = [
    ({"clips": giving(None)}, "clips returned None; it must return an iterator of ActionClip"),
    ({"clips": giving(["s0"])}, "clips returned 's0'; it must return ActionClip or Rejection"),
    ({"clips": raising(KeyError("strat"))}, "Data set sound.clips failed (KeyError: 'strat')"),
    ({"clips": lambda self: [clip(sample_id=3)]}, "an ActionClip whose sample_id is 3: input"),
    ({"clips": lambda self: [clip(t_input=None)]}, "whose t_input is None: input should be a"),
    ({"clips": lambda self: [clip(t_input="x")]}, "whose t_input is 'x': input should be a"),
    ({"clips": lambda self: [clip(t_input=np.inf)]}, "whose t_input is inf: give a finite"),
    ({"clips": lambda self: [clip(action=None)]}, "whose action is None"),
    ({"clips": lambda self: [clip(action="")]}, "whose action is '': string should have at least"),
    (
        {"clips": lambda self: [Rejection("1", "No action")]},
        "Rejection whose reason is 'No action'",
    ),
    ({"locate": giving(None)}, "locate returned None; it must return tuple[FrameSource, Frame"),
    ({"locate": giving((Path("a"), Path("b")))}, "(0: input should be a dictionary or an instance"),
    ({"locate": raising(KeyError("folder"))}, "Data set sound.locate failed (KeyError: 'folder')"),
    ({"locate": raising(SampleError("ok"))}, "locate raised SampleError('ok'), whose code"),
    ({"recipe": giving(None)}, "recipe returned None; it must return dict[str, Any]"),
    ({"recipe": giving({"x": object()})}, "recipe returned values that cannot be written as JSON"),
    ({"metric_defaults": 3}, "metric_defaults returned 3; it must return Mapping["),
    ({"metric_defaults": {"egovpl": {}}}, "unknown metric 'egovpl'. Did you mean 'egovlp'?"),
    ({"metric_defaults": {"egovlp": {"clip": 1}}}, "egovlp has no option 'clip'"),
    ({"__init__": lambda self, *given: None}, "must call super().__init__(annotations, videos"),
]


@pytest.mark.parametrize(("attributes", "sentence"), DATASETS)
def test_datasets(define, attributes, sentence):
    with pytest.raises(BenchError, match=re.escape(sentence)):
        plan_split(open_dataset(define(SoundDataset, attributes)))


def test_values_of_numpy_in_records(define):
    row = clip(t_input=np.float32(0.5), action=np.str_("open drawer"))
    recipe = {"lead": np.float64(0.25), "sizes": np.arange(2)}
    name = define(SoundDataset, {"clips": giving([row]), "recipe": giving(recipe)})
    plan = plan_split(open_dataset(name))
    assert plan.recipe | {"lead": 0.25, "sizes": [0, 1]} == plan.recipe
    assert (plan.clips[0].t_input, type(plan.clips[0].t_input)) == (0.5, float)


TRAINERS = [
    ({"presets": 3}, "presets is 3; it must be Mapping["),
    ({"presets": {"full": {}}}, "has no preset 'toy' (the default; choose one with --preset)."),
    ({"sources": giving(None)}, "sources returned None; it must return dict[str, str]"),
    ({"train": raising(OSError("gone"))}, "Trainer mine:Mine.train failed (OSError: gone)"),
    ({"train": giving(["x"])}, "train returned a list of 1; it must return dict[str, Any]"),
]


@pytest.mark.parametrize(("attributes", "sentence"), TRAINERS)
def test_trainers(define, drawn, tmp_path, attributes, sentence):
    with pytest.raises(BenchError, match=re.escape(sentence)):
        train_weights.train(
            define(SoundTrainer, attributes), drawn[0], tmp_path / "trained", device="cpu"
        )


def test_a_training_that_returns_nothing_is_finished(define, drawn, tmp_path):
    name = define(SoundTrainer, {"train": giving(None)})
    train_weights.train(name, drawn[0], tmp_path / "trained", device="cpu")
    assert (tmp_path / "trained" / TRAIN).is_file()
