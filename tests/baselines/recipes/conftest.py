"""Tiny random pipelines, built once per test session, and a method on each of them."""

import csv
import json
import os
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

import tiny_flux2
import tiny_flux3
import tiny_image_editors
import tiny_image_to_image
import tiny_modular
import tiny_other_editors
import tiny_qwen_based_editors
import tiny_qwen_editors
import tiny_video_models
from egoactgen_baselines.pipelines.diffusers_pipeline import DiffusersPipeline
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions
from egoactgen_bench.api.method import MethodContext
from pipeline_recorder import recording
from recipe_requests import FRAME, sample

BUILDERS = {
    **tiny_flux2.BUILDERS,
    **tiny_flux3.BUILDERS,
    **tiny_image_editors.BUILDERS,
    **tiny_image_to_image.BUILDERS,
    **tiny_modular.BUILDERS,
    **tiny_other_editors.BUILDERS,
    **tiny_qwen_based_editors.BUILDERS,
    **tiny_qwen_editors.BUILDERS,
    **tiny_video_models.BUILDERS,
}
COLUMNS = (
    "pipeline",
    "recipe",
    "frame",
    "default_call",
    "tested_call",
    "seen_by_autoencoder",
    "calls_of_networks",
)


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """`saved(class name)`: the folder of that tiny pipeline, shared by all test processes."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    base = base / "tiny-pipelines"
    base.mkdir(exist_ok=True)

    def folder(name):
        path = base / name
        with FileLock(f"{path}.lock"):
            if not list(path.glob("*model_index.json")):
                BUILDERS[name]().save_pretrained(path, safe_serialization=True)
        return path

    return folder


@pytest.fixture
def method(saved):
    """`method(class name, **options)`: `diffusers:PATH` on that tiny pipeline."""

    def build(name, dtype="float32", **options):
        context = MethodContext(argument=str(saved(name)), described=True, dtype=dtype)
        return DiffusersPipeline(PipelineOptions(**options), context)

    return build


@pytest.fixture
def calls(method):
    """`calls(class name, *requests, **options)`: (outputs, what reached the networks).

    With EDITORS_CSV=FILE in the environment, each call is added to that table, together with the
    call that the options' defaults make.
    """

    def run(name, *requests, **options):
        built = method(name, **options)
        given = {}
        original = built.pipeline.__class__.__call__

        def called(self, **arguments):
            given.update(arguments)
            return original(self, **arguments)

        built.pipeline.__class__ = type(name, (built.pipeline.__class__,), {"__call__": called})
        with recording(built.pipeline) as recorded:
            outputs = built.generate(list(requests or [sample()]))
        recorded.arguments = given
        if path := os.environ.get("EDITORS_CSV"):
            _add(Path(path), built, given, recorded)
        return outputs, recorded

    return run


def _add(path, built, given, recorded):
    defaults = DiffusersPipeline(PipelineOptions(), built.context)
    default_call = defaults.arguments.of([sample()], ["open drawer"])
    counts = {}
    for name, called, _ in recorded:
        counts[f"{name}.{called}"] = counts.get(f"{name}.{called}", 0) + 1
    row = (
        built.kind.__name__,
        built.recipe.name,
        "×".join(map(str, FRAME)),
        _as_json(default_call),
        _as_json(given),
        " ".join(f"{w}×{h}" for w, h in recorded.encoded),
        json.dumps(counts),
    )
    new = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([COLUMNS, row] if new else [row])


def _as_json(arguments):
    shown = {k: _text(v) for k, v in arguments.items() if k not in ("generator", "output_type")}
    return json.dumps(shown, ensure_ascii=False, default=str)


def _text(value):
    if isinstance(value, Image.Image):
        return f"image {value.width}×{value.height}"
    return [_text(each) for each in value] if isinstance(value, list) else value
