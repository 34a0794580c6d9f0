"""The folder of a result: started, interrupted, finished, repeated, rejected, overwritten."""

import json
from dataclasses import replace

import pytest

from egoactgen_bench.artifacts.manifests import RunManifest
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder, changes
from egoactgen_bench.errors import BenchError

CONTENT = {"counts": {"samples": 1, "failed": 0}}


@pytest.fixture
def work(tmp_path):
    plan = {
        **{"method": "mine", "split": "s", "fingerprint": "f", "frames_fingerprint": "g"},
        **{"seed": 0, "options": {"passed": {}, "resolved": {"steps": 4}}},
    }
    folder = tmp_path / "run"
    return WorkFolder(folder / "run.json", RunManifest, plan, folder / PLAN)


def another(work, **change):
    return replace(work, plan=work.plan | change)


def test_from_plan_to_manifest(work):
    assert (work.begun, work.finished) == (False, False)
    work.begin()
    assert (work.begun, work.finished) == (True, False)
    work.begin()  # a later call finds its own plan
    work.finish(CONTENT)
    assert (work.begun, work.finished) == (False, True)
    assert [path.name for path in work.folder.iterdir()] == ["run.json"]
    work.check()
    assert work.read().seed == 0
    assert json.loads(work.manifest.read_text())["format"] == 1


@pytest.mark.parametrize("finished", [False, True])
def test_other_settings_are_listed_and_nothing_is_lost(work, finished):
    work.begin()
    if finished:
        work.finish(CONTENT)
    before = {path: path.read_bytes() for path in work.folder.iterdir()}
    options = {"passed": {"steps": 8}, "resolved": {"steps": 8}}
    state = "a finished" if finished else "an unfinished"
    with pytest.raises(BenchError) as caught:
        another(work, seed=1, options=options).begin()
    assert str(caught.value) == (
        f"{work.folder} contains {state} run with other settings (seed 0 → 1, "
        "options.resolved.steps 4 → 8): choose another --name, or replace it with --overwrite."
    )
    assert {path: path.read_bytes() for path in work.folder.iterdir()} == before


def test_a_plan_of_0_1_0_is_continued(work):
    work.folder.mkdir()
    work.plan_file.write_text(json.dumps(work.plan))  # it had no format
    work.begin()
    with pytest.raises(BenchError, match="seed 0 → 1"):
        another(work, seed=1).begin()


def test_a_plan_of_a_newer_version_is_refused(work):
    work.folder.mkdir()
    work.plan_file.write_text(json.dumps({**work.plan, "format": 2}))
    with pytest.raises(BenchError, match="has format 2"):
        work.begin()


def test_a_broken_plan_is_one_sentence(work):
    work.folder.mkdir()
    work.plan_file.write_text("{")
    with pytest.raises(BenchError, match=str(work.plan_file)):
        work.begin()


def test_a_folder_with_other_content_is_not_changed(work):
    work.folder.mkdir()
    (work.folder / "thesis.tex").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(BenchError, match="is not empty and contains no run"):
            work.begin(overwrite)
    assert (work.folder / "thesis.tex").read_text() == "mine"
    replace(work, shared=True).begin()


def test_a_file_in_the_place_of_the_folder(work):
    work.folder.write_text("")
    with pytest.raises(BenchError, match="is not a folder"):
        work.begin()


def test_overwriting_deletes_the_manifest_first(work):
    work.begin()
    work.finish(CONTENT)
    seen = []
    another(work, seed=1).begin(True, lambda: seen.append(work.manifest.exists()))
    assert seen == [False]
    assert json.loads(work.plan_file.read_text())["seed"] == 1


def test_a_folder_is_unfinished_if_overwriting_is_interrupted(work):
    def interrupted():
        raise KeyboardInterrupt

    work.begin()
    work.finish(CONTENT)
    (work.folder / "samples.csv").write_text("")
    new = another(work, seed=1)
    with pytest.raises(KeyboardInterrupt):
        new.begin(True, interrupted)
    assert (new.begun, new.finished) == (True, False)
    new.begin()
    with pytest.raises(BenchError, match="an unfinished run with other settings"):
        work.begin()


def test_clear_keeps_the_plan(work):
    work.begin()
    (work.folder / "images").mkdir()
    (work.folder / "images" / "a.png").write_text("")
    (work.folder / "samples.csv").write_text("")
    work.clear()
    assert [path.name for path in work.folder.iterdir()] == [PLAN]


def test_a_plan_outside_the_folder_does_not_permit_other_files_in_it(work, tmp_path):
    outside = replace(work, plan_file=tmp_path / "run.parts" / PLAN)
    outside.begin()
    outside.check()
    work.folder.mkdir()
    (work.folder / "thesis.tex").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(BenchError, match="is not empty and contains no run"):
            outside.check(overwrite)


def test_leftovers_of_an_interrupted_call_of_0_1_0(work):
    work.folder.mkdir()
    (work.folder / "grid.png").write_text("")
    with pytest.raises(BenchError, match="is not empty"):
        work.begin()
    replace(work, own=("grid.png", "[0-9][0-9]-*.png")).begin()


def test_a_type_not_allowed_in_manifests_is_rejected_early(work):
    with pytest.raises(BenchError, match=r"manifest of this run: sources\.edition: "):
        another(work, sources={"edition": 3}).begin()
    assert not work.folder.exists()


def test_fields_missing_in_older_manifests_are_not_compared(work):
    work.begin()
    work.finish(CONTENT)
    content = json.loads(work.manifest.read_text())
    older = {key: value for key, value in content.items() if key not in ("format", "seed")}
    work.manifest.write_text(json.dumps(older))
    work.check()
    with pytest.raises(BenchError, match="method"):
        another(work, method="other").check()


def test_options_that_do_not_affect_the_result_are_not_compared(work):
    options = {"passed": {"workers": 8}, "resolved": {"steps": 4, "workers": 8}}
    another(work, options=options).begin()
    plan = another(work, options={"resolved": {"steps": 4}})
    replace(plan, not_compared=frozenset({"workers"})).check()
    with pytest.raises(BenchError, match=r"options\.resolved\.workers 8 → null"):
        plan.check()


def test_some_settings_are_compared_only_while_unfinished(work):
    begun = replace(work, while_unfinished={"batch_size": 4})
    begun.begin()
    with pytest.raises(BenchError, match="batch_size 4 → 8"):
        replace(work, while_unfinished={"batch_size": 8}).check()
    begun.finish(CONTENT)
    replace(work, while_unfinished={"batch_size": 8}).check()


def test_changes_by_name():
    assert changes({"a": {"b": 1}, "own": 3}, {"a": {"b": 1}}) == ""
    assert changes({"a": {"b": 1}}, {"a": {"b": 2}, "c": "x"}) == 'a.b 1 → 2, c null → "x"'


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("state", ["begun", "finished"])
@pytest.mark.parametrize("name", ["images", "images/a.png", ".partial", "../parts/state"])
def test_nothing_is_written_through_a_link_that_leads_out(work, tmp_path, name, state, overwrite):
    work = replace(work, plan_file=tmp_path / "parts" / PLAN)
    work.begin()
    if state == "finished":
        work.finish(CONTENT)
    link = work.folder / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    for folder in (work, replace(work, shared=True)):
        with pytest.raises(BenchError, match="is a link that leads out of"):
            folder.begin(overwrite)
    assert sorted(tmp_path.rglob("*")) == before
