"""The functions of `egoactgen_bench`: what they accept, show and refuse."""

import inspect
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import egoactgen_bench as bench
from drawn_runs import write_run
from egoactgen_bench import api
from egoactgen_bench.api.options import Cli
from turk_results import results_text

FUNCTIONS = {
    "prepare": bench.PrepareOptions,
    "train": bench.TrainOptions,
    "run": bench.RunOptions,
    "imagine": bench.ImagineOptions,
    "score": bench.ScoreOptions,
    "diagnose": bench.DiagnoseOptions,
    "export_study": bench.StudyOptions,
    "agreement": bench.AgreementOptions,
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The workspace of `drawn_split` and `runs`, as the default one."""
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))
    return tmp_path / "workspace"


class Grey(api.Method):
    """A grey frame."""

    def generate(self, requests):
        return [Image.new("RGB", request.input.size, (128, 128, 128)) for request in requests]


class Darkness(api.Metric):
    """The mean of 1 − output."""

    name = "darkness"
    label = "Darkness"
    higher_is_better = False
    needs = frozenset({"output"})

    def measure(self, batch):
        means = [np.asarray(output).mean() / 255 for output in batch.images("output")]
        return 1 - np.array(means)[:, None]


class Unnamed(api.Metric):
    """A metric without name and label."""

    higher_is_better = True

    def measure(self, batch):
        return np.zeros((len(batch), 1))


class Nothing(api.Method):
    """A method that generates nothing."""


def test_every_public_name_exists_and_is_documented():
    for module in (bench, api):
        for name in module.__all__:
            value = getattr(module, name)
            assert name == "__version__" or inspect.getdoc(value), name
        assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = bench.unknown


def test_type_checkers_know_the_same_names():
    for module in (bench, api):
        source = inspect.getsource(module)
        declared = {line.split(" as ")[-1] for line in source.splitlines() if " as " in line}
        assert {name for name in declared if name.isidentifier() and name != "bench"} == {
            name for name in module.__all__ if name != "__version__"
        }


def test_importing_loads_no_library():
    loaded = "import sys, egoactgen_bench, egoactgen_bench.api; print(*sys.modules)"
    call = [sys.executable, "-c", loaded]
    modules = subprocess.run(call, capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "numpy", "transformers", "diffusers"} & set(modules)


@pytest.mark.parametrize(("name", "options"), FUNCTIONS.items())
def test_a_signature_shows_every_option_with_its_default(name, options):
    parameters = inspect.signature(getattr(bench, name)).parameters
    for option, field in options.model_fields.items():
        if any(isinstance(each, Cli) and each.hidden for each in field.metadata):
            continue
        assert option in parameters, option
        if option not in ("workspace",):
            expected = field.get_default(call_default_factory=True)
            assert parameters[option].default == expected, option
        assert field.description, option
    assert "choices" not in parameters


def test_an_unknown_option_is_named(place, drawn_split):
    with pytest.raises(bench.BenchError, match=r"no keyword 'sede'.*'seed'"):
        bench.run("copy-input", drawn_split, sede=1)


def test_objects_names_and_folders_mean_the_same(place, runs, drawn_split):
    split = bench.load_split("drawn-val")
    assert bench.load_split(drawn_split).fingerprint == split.fingerprint
    assert bench.load_split(str(drawn_split)).fingerprint == split.fingerprint
    assert bench.load_split().name == bench.load_split(workspace=place).name == "drawn-val"
    near = bench.load_run("near", split="drawn-val")
    tables = [
        bench.score(*given, metrics="psnr").summary
        for given in (
            (split, near),
            ("drawn-val", "near"),
            (drawn_split, runs["near"]),
            (str(drawn_split), [str(runs["near"])]),
            (None, ("near",)),
        )
    ]
    assert all(table.equals(tables[0]) for table in tables)
    assert set(bench.score(split, metrics=["psnr"]).runs) == {"near", "far"}
    assert bench.load_scores("drawn-val").summary.equals(bench.score(metrics="psnr").summary)


def test_one_or_several(place, runs):
    one = bench.score("drawn-val", "near", metrics="psnr,ssim", references="target")
    several = bench.score("drawn-val", ["near"], metrics=["psnr", "ssim"], references=["target"])
    assert one.summary.equals(several.summary)
    assert list(one.metrics) == ["psnr", "ssim"]


def test_objects_print_as_one_line(place, runs, tmp_path):
    objects = [
        bench.load_split("drawn-val"),
        bench.load_run("near", split="drawn-val"),
        bench.score("drawn-val", metrics="psnr"),
        bench.export_study("drawn-val", ["near", "far"]),
        bench.load_study("drawn-val-best-of"),
        bench.diagnose("drawn-val", "near", "psnr", "20.0"),
        bench.pack("drawn-val", "near"),
        bench.imagine("V00_0", "open drawer", split="drawn-val", method="copy-input"),
    ]
    for thing in objects:
        shown = repr(thing)
        assert shown.startswith(f"<{type(thing).__name__}"), shown
        assert "\n" not in shown
        assert len(shown) < 250
        assert any(word in shown for word in ("drawn-val", "V00_0", "variants")), shown


def test_images_by_sample(place, runs):
    near = bench.load_run("near", split="drawn-val")
    assert list(near.images) == list(near.samples["sample_id"])
    assert all(path.is_file() for path in near.images.values())


def test_classes_are_accepted_where_plugins_are_named(place, runs):
    run = bench.run(Grey, "drawn-val", name="grey")
    assert run.manifest.method == f"{__name__}:Grey"
    scores = bench.score("drawn-val", run, metrics=["psnr", Darkness])
    assert scores.values.query("metric == 'darkness'")["value"].mean() == (
        pytest.approx(1 - 128 / 255, abs=1e-3)
    )
    from egoactgen_baselines.copy_input import CopyInput

    assert bench.run(CopyInput, "drawn-val").name == "copy-input"


def test_an_incomplete_class_is_refused(place, runs):
    for plugin, missing in ((Unnamed, "name, label"), (Nothing, "generate")):
        with pytest.raises(bench.BenchError, match=f"{plugin.__name__}' does not define {missing}"):
            if issubclass(plugin, api.Method):
                bench.run(plugin, "drawn-val")
            else:
                bench.score("drawn-val", metrics=[plugin])


def test_a_class_that_cannot_be_found_again_is_refused(place, drawn_split):
    class Local(Grey):
        pass

    with pytest.raises(bench.BenchError, match="top level of a module"):
        bench.run(Local, drawn_split)
    with pytest.raises(bench.BenchError, match="is not a class derived from"):
        bench.run(Darkness, drawn_split)
    assert not (place / "runs").exists()


def test_a_run_from_elsewhere_is_not_mistaken_for_one_of_its_name(place, runs, tmp_path):
    elsewhere = write_run(place / "splits/drawn-val", "far", noise=80)
    moved = tmp_path / "elsewhere" / "near"
    moved.parent.mkdir()
    elsewhere.rename(moved)
    for function in (bench.export_study, bench.pack):
        with pytest.raises(bench.BenchError, match="is not in the workspace: move it to"):
            function("drawn-val", [bench.load_run(moved)])


def test_another_workspace(place, runs, tmp_path):
    other = tmp_path / "workspace"
    moved = other.rename(tmp_path / "elsewhere")
    with pytest.raises(bench.BenchError):
        bench.load_split("drawn-val")
    scores = bench.score("drawn-val", workspace=moved, metrics="psnr")
    assert scores.folder == moved / "scores/drawn-val/standard"
    report = bench.report("drawn-val", moved)
    assert report.page.is_relative_to(moved)
    assert bench.verify(scores) == []
    assert not other.exists()


def test_verify_takes_objects_and_folders(place, runs):
    near = bench.load_run("near", split="drawn-val")
    assert bench.verify(near) == bench.verify(runs["near"]) == bench.verify(str(runs["near"])) == []
    next(iter(near.images.values())).write_bytes(b"changed")
    assert len(bench.verify(near)) == 1


def test_a_study_from_export_to_answers(place, runs, tmp_path):
    study = bench.export_study("drawn-val", ["near", "far"], seed=3)
    assert len(study.batch) == study.manifest.counts.votes
    assert set(study.key["task"]) == set(study.batch["task"])
    results = tmp_path / "results.csv"
    answers = [
        {"task": task, "worker": worker, "choice": "1"}
        for task in study.batch["task"]
        for worker in ("A", "B")
    ]
    results.write_text(results_text(answers), encoding="utf-8")
    imported = bench.import_answers(study, results)
    assert imported.win_rates["votes"].unique().tolist() == [len(answers)]
    by_name = bench.import_answers("drawn-val-best-of", [results])
    assert str(imported) == str(by_name)
    assert "% of" in str(imported)
    assert repr(imported).endswith(" %; 0 rows left out>")


def test_options_objects_can_be_reused_and_overridden(place, drawn_split):
    settings = bench.RunOptions(seed=5)
    assert bench.run("copy-input", drawn_split, settings=settings).manifest.seed == 5
    other = bench.run("copy-input", drawn_split, settings=settings, seed=6, name="six")
    assert other.manifest.seed == 6
    with pytest.raises(bench.BenchError, match="overwrite"):
        bench.run("copy-input", drawn_split, settings=settings, seed=7)
    assert json.loads((other.folder / "run.json").read_text())["seed"] == 6
