"""Mistakes in calls of the Python API: one sentence, and nothing is written."""

import os

import numpy as np
import pytest

import egoactgen_bench as bench
from drawn_split import write_drawn_split


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))
    return tmp_path / "workspace"


@pytest.fixture
def split(place, drawn_split):
    return bench.load_split(drawn_split)


@pytest.fixture
def near(place, runs):
    return bench.load_run("near", split="drawn-val")


CALLS = [
    (
        lambda s, r: bench.run("copy-input", r),
        "its name or its folder is needed, not Run",
    ),
    (lambda s, r: bench.run("copy-input", ["drawn-val"]), "not list"),
    (lambda s, r: bench.score(r, s), "not Run"),
    (lambda s, r: bench.score(s, s), "runs must be one or several, not Split"),
    (lambda s, r: bench.score(s, 3), "runs must be one or several, not int"),
    (lambda s, r: bench.score(s, [3]), "A Run, its name or its folder is needed, not int"),
    (lambda s, r: bench.score(s, []), "runs is empty"),
    (lambda s, r: bench.score(s, metrics=[]), "metrics is empty"),
    (lambda s, r: bench.score(s, metrics=[None]), "not as NoneType"),
    (lambda s, r: bench.load_split(3), "not int"),
    (lambda s, r: bench.load_run(None), "not None"),
    (lambda s, r: bench.report(r), "not Run"),
    (lambda s, r: bench.report(s, ids=3), "ids must be text"),
    (lambda s, r: bench.report_archives([]), "archives is empty"),
    (lambda s, r: bench.pack(s, r, group="../a"), "not a safe file name"),
    (lambda s, r: bench.export_study(s, []), "runs is empty"),
    (lambda s, r: bench.export_study(s, name="a/b"), "not a safe file name"),
    (lambda s, r: bench.import_answers(s, "a.csv"), "A Study, its name or its folder is needed"),
    (lambda s, r: bench.verify([r]), "not list"),
    (lambda s, r: bench.verify(None), "not NoneType"),
    (lambda s, r: bench.verify(s, against="nowhere"), "is not the split.json of a standard split"),
    (lambda s, r: bench.verify(s, against=s.folder), "is not the split.json of a standard split"),
    (lambda s, r: bench.imagine("V00_0", [], split=s), "actions is empty"),
    (lambda s, r: bench.imagine("V00_0", [1], split=s), "actions must be text"),
    (lambda s, r: bench.imagine(3, "open drawer", split=s), "not int"),
    (
        lambda s, r: bench.imagine("V00_0", "open drawer", split=s, description=["a", "b"]),
        "description",
    ),
    (
        lambda s, r: bench.imagine(s.folder / "frames/V00_0/input.png", "a", descriptions="x"),
        "descriptions apply to samples of a split",
    ),
    (lambda s, r: bench.run(None, s), "given by name or as a class, not as NoneType"),
    (lambda s, r: bench.run("copy-input", s, name="../escaped"), "not a safe file name"),
    (lambda s, r: bench.run("copy-input", s, name="/abs"), "not a safe file name"),
    (lambda s, r: bench.run("copy-input", s, name=3), "not a safe file name"),
    (lambda s, r: bench.train("ip2p", s, name="../escaped"), "not a safe file name"),
    (
        lambda s, r: bench.prepare("toy-kitchen", 4),
        "settings must be PrepareOptions",
    ),
    (lambda s, r: bench.run("copy-input", s, settings={}), "settings must be RunOptions"),
    (lambda s, r: bench.run("copy-input", s, settings=bench.ScoreOptions()), "not ScoreOptions"),
    (lambda s, r: bench.run("copy-input", s, overwrit=True), "Did you mean 'overwrite'"),
    (lambda s, r: bench.run("copy-input", s, steps=3), "options={'name': value}"),
    (lambda s, r: bench.run("copy-input", s, options=3), "give a dictionary of options"),
    (lambda s, r: bench.run("copy-input", s, options=[("a", 1)]), "give a dictionary of options"),
    (lambda s, r: bench.load_split(workspace=""), "workspace must be the path of a folder"),
    (lambda s, r: bench.load_split(workspace=s.folder / "split.json"), "is a file"),
    (lambda s, r: bench.slice_scores(s, by="colour"), "contains no finished scoring"),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_each_mistake_is_one_sentence(split, near, number):
    call, sentence = CALLS[number]
    before = sorted(split.folder.parents[1].rglob("*"))
    with pytest.raises(bench.BenchError, match=sentence) as error:
        call(split, near)
    assert "\n" not in str(error.value)
    assert sorted(split.folder.parents[1].rglob("*")) == before


def test_numpy_values_are_options(split):
    numbers = {"seed": np.int64(3), "limit": np.int64(2)}
    run = bench.run("copy-input", split, **numbers)
    assert run.manifest.seed == 3
    options = bench.RunOptions(options={"a": np.float32(0.5), "b": np.int64(2)}).options
    assert [type(value) for value in options.values()] == [float, int]


def test_objects_stay_valid_when_the_process_changes_its_folder(place, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_WORKSPACE", "workspace")
    split, near = bench.load_split("drawn-val"), bench.load_run("near", split="drawn-val")
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    assert bench.score(split, near, metrics="psnr").complete
    assert bench.run("copy-input", split).failed.empty
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_object_whose_folder_is_gone_is_refused(split, near):
    near.folder.rename(near.folder.with_name("moved"))
    with pytest.raises(bench.BenchError, match="has been moved or removed"):
        bench.score(split, near, metrics="psnr")
    split.folder.rename(split.folder.with_name("moved"))
    with pytest.raises(bench.BenchError, match="has been moved or removed"):
        bench.run("copy-input", split)


def test_results_of_an_object_go_to_its_own_workspace(split, near, tmp_path, monkeypatch):
    other = write_drawn_split(tmp_path / "other/splits/drawn-val", count=3)
    first = bench.score(split, near, metrics="psnr")
    foreign = bench.load_split(other)
    run = bench.run("copy-input", foreign)
    assert run.folder == tmp_path / "other/runs/drawn-val/copy-input"
    assert bench.score(foreign, metrics="psnr").folder.is_relative_to(tmp_path / "other")
    assert bench.load_scores("drawn-val").manifest.fingerprint == first.manifest.fingerprint


def test_scores_of_another_split_are_not_sliced(split, near, tmp_path):
    scores = bench.score(split, near, metrics="psnr")
    table = bench.slice_scores(scores, by="verb")
    assert table.equals(bench.slice_scores("drawn-val", by="verb"))
    other = bench.load_split(write_drawn_split(tmp_path / "other/splits/drawn-val", count=3))
    with pytest.raises(bench.BenchError, match="of another split"):
        bench.slice_scores(scores, other)


def test_a_note_of_a_command_is_a_warning(place, tmp_path):
    one = bench.load_split(write_drawn_split(tmp_path / "one/splits/one", count=1))
    bench.run("copy-input", one)
    with pytest.warns(UserWarning, match="one video") as caught:
        bench.score(one, metrics="psnr")
    assert __file__ in {warning.filename for warning in caught}


def test_scores_that_drop_others_say_what_is_gone(split, runs):
    bench.score(split, metrics="psnr,ssim")
    assert set(bench.score(split, "near", metrics="psnr").metrics) == {"psnr", "ssim"}
    with pytest.warns(UserWarning, match=r"dropped \(--only\): psnr, ssim of far; ssim of near"):
        bench.score(split, "near", metrics="psnr", only=True)


def test_objects_are_equal_to_themselves_only(split):
    assert split == split
    assert split != bench.load_split(split.folder)
    assert len({split, split}) == 1
