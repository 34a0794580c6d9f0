"""Manifests: those of 0.1.0 are read, newer and broken ones rejected in one sentence."""

import json
from typing import Any

import pytest

import egoactgen_lego.lego_manifests  # noqa: F401  LEGO's kinds
from egoactgen_bench.artifacts.manifest_base import FORMAT, Manifest, read_manifest
from egoactgen_bench.artifacts.manifests import ConversionManifest, ImagineManifest, RunManifest
from egoactgen_bench.artifacts.study_manifests import StudyManifest
from egoactgen_bench.errors import BenchError


def kinds(kind: type[Manifest] = Manifest) -> list[type[Manifest]]:
    return [each for child in kind.__subclasses__() for each in (child, *kinds(child))]


RUN_OF_0_1_0: dict[str, Any] = {
    "method": "mine",
    "split": "drawn-val",
    "fingerprint": "f",
    "frames_fingerprint": "g",
    "counts": {"samples": 6, "failed": 1, "by_status": {"ok": 5, "out_of_memory": 1}},
    "device": "cpu",
    "notes": "a field of somebody's own",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.json"


def read(path, content, kind=RunManifest):
    path.write_text(json.dumps(content))
    return read_manifest(path, kind)


def refused(path, content, kind=RunManifest) -> str:
    with pytest.raises(BenchError) as caught:
        read(path, content, kind)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_there_are_kinds_of_the_core_and_of_plug_ins():
    assert {"SplitManifest", "ScoreManifest", "TuneManifest"} <= {kind.__name__ for kind in kinds()}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_newer_format_is_refused_by_every_kind(path, kind):
    sentence = refused(path, {"format": FORMAT + 1}, kind)
    assert f"has format {FORMAT + 1}" in sentence
    assert "update egoactgen_bench" in sentence


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("content", [[], "run", 3, None])
def test_every_kind_rejects_json_that_is_not_an_object(path, kind, content):
    assert "not a JSON object" in refused(path, content, kind)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_missing_manifest_names_the_command_that_writes_it(path, kind):
    with pytest.raises(BenchError, match=rf"no finished {kind.noun}.*`{kind.made_by}`"):
        read_manifest(path, kind)


def test_a_run_of_0_1_0_is_read_completely(path):
    found = read(path, RUN_OF_0_1_0)
    assert (found.format, found.counts.samples, found.counts.failed) == (FORMAT, 6, 1)
    assert found.model_dump()["notes"] == "a field of somebody's own"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"method": None}, "method: "),
        ({"method": 3}, "method: "),
        ({"counts": {"samples": "6"}}, "counts.samples: "),
        ({"counts": {"samples": 6, "failed": 0.5}}, "counts.failed: "),
        ({"counts": []}, "counts: "),
        ({"timing": {"seconds": float("nan")}}, "a number that is NaN or infinite"),
        ({"notes": float("inf")}, "a number that is NaN or infinite"),
        ({"timing": {"seconds": -1.0}}, "timing.seconds: "),
        ({"counts": {"samples": -1}}, "counts.samples: "),
        ({"counts": {"samples": 10**30}}, "counts.samples: "),
        ({"split": "../x"}, "split: "),
        ({"timing": {}}, "timing.seconds is missing"),
        ({"seed": True}, "seed: "),
        ({"sources": {"frame": 3}}, "sources.frame: "),
        ({"format": "one"}, "format"),
        ({"format": 1.5}, "format"),
        ({"format": -1}, "format"),
        ({"format": True}, "format"),
    ],
)
def test_a_field_of_another_type_is_named(path, change, named):
    assert named in refused(path, RUN_OF_0_1_0 | change)


def test_deep_nesting_is_refused(path):
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    assert "more than 64 nested levels" in refused(path, RUN_OF_0_1_0 | {"notes": deep})


def test_a_missing_field_is_named(path):
    content = {key: value for key, value in RUN_OF_0_1_0.items() if key != "fingerprint"}
    assert "fingerprint is missing" in refused(path, content)


@pytest.mark.parametrize("text", ["", "{", '{"method": ', "\x00\x01", '{"a": 1} {'])
def test_invalid_json_is_rejected(path, text):
    path.write_text(text)
    with pytest.raises(BenchError, match=r"run\.json"):
        read_manifest(path, RunManifest)


def test_the_converter_of_a_conversion_of_0_1_0_is_found(path):
    content = {"format": "latent-diffusion", "source": {"a.ckpt": "0" * 64}, "weights": "lego"}
    assert read(path, content, ConversionManifest).converter == "latent-diffusion"


def test_the_actions_of_imagined_frames_of_0_1_0_are_found(path):
    frame = {"action": "open drawer", "description": "d", "id": "1", "seed": 0, "status": "ok"}
    content = {
        **{"method": "lego", "options": {}, "seed": 0, "frames": [frame], "grid": {}},
        "context": {"name": "a", "image": "input.png"},
    }
    found = read(path, content, ImagineManifest)
    assert (found.actions, found.descriptions) == (["open drawer"], ["d"])


def test_the_tasks_of_a_study_of_0_1_0_get_their_digest(path):
    content = {
        **{"name": "s", "study": "best-of", "split": "v", "fingerprint": "f", "candidates": []},
        **{"options": {"seed": 0}, "counts": {"examples": 0, "votes": 0, "checks": 0}},
        **{"secret": "00ff", "tasks": []},
    }
    assert len(read(path, content, StudyManifest).tasks_sha256) == 64
