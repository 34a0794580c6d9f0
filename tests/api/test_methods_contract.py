"""What every registered method promises: order, batches, shards and resuming change nothing.

A method that needs weights or an argument names them in `CALLS`; one that needs more than this
machine has is skipped.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_split import write_drawn_split
from egoactgen_bench.api import plugins
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.stages.run import run_method as running
from egoactgen_bench.support.seeds import derive_seed
from tiny_pipelines import write_pipeline

COUNT = 4


def _finished_images(folder: Path) -> dict:
    for index in range(COUNT):
        colour = (index, 50, 200)
        target = folder / f"V{index % 3:02d}_{index}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), colour).save(target)
    return {"method": f"images:{folder}"}


def _few_steps(folder: Path) -> dict:
    return {"options": {"steps": 2}}


def _gently_guided(folder: Path) -> dict:
    """Few steps at low guidance, which multiplies the rounding of untrained networks less."""
    return {"options": {"steps": 2, "guidance": 1.5}}


def _tiny_pipeline(folder: Path) -> dict:
    saved = write_pipeline(folder / "edit", "edit")
    return {"method": f"diffusers:{saved}", "options": {"steps": 2, "guidance": 1.5}}


# method → how to call it in a folder of the test's own: arguments of `running.prepare`
CALLS = {
    "diffusers": _tiny_pipeline,
    "images": _finished_images,
    "lego": _few_steps,
    "ip2p": _few_steps,
    "proxedit": _gently_guided,
    "sdedit": _few_steps,
}


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return load_split(write_drawn_split(tmp_path_factory.mktemp("split") / "drawn-val", COUNT))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(params=sorted(plugins.registered("methods")))
def call(request, split, models, tmp_path):
    """Arguments of `running.prepare` for one method; its own options are the defaults."""
    name = request.param
    arguments = {"method": name, "models": models, "device": "cpu"}
    arguments |= CALLS[name](tmp_path / "needs") if name in CALLS else {}
    try:
        running.prepare(split=split, folder=tmp_path / "none", **arguments)
    except BenchError as error:
        pytest.skip(str(error))
    return arguments


def _run(call, split, folder, **choices):
    run = running.run(split=split, folder=folder, **(call | choices))
    return dict(zip(run.samples["sample_id"], run.samples["sha256"], strict=True))


def _requests(split, seed=0):
    return [
        Request(
            row.sample_id,
            Image.open(split.frame_path(row.input_frame)).convert("RGB"),
            row.action,
            None,
            derive_seed(seed, row.sample_id),
        )
        for row in split.samples.itertuples()
    ]


def test_every_image_is_8_bit_rgb_and_repeats(call, split, tmp_path):
    first = _run(call, split, tmp_path / "first", batch_size=2)
    run = load_run(tmp_path / "first")
    assert set(run.samples["status"]) == {"ok"}
    for image in run.finished["image"]:
        assert Image.open(run.image_path(image)).mode == "RGB"
    assert _run(call, split, tmp_path / "second", batch_size=2) == first


def test_order_and_earlier_calls_change_nothing(call, split, tmp_path):
    job = running.prepare(split=split, folder=tmp_path / "none", **call)
    job.method.load()
    requests = _requests(split)
    alone = {request.sample_id: job.method.generate([request])[0] for request in requests}
    again = {request.sample_id: job.method.generate([request])[0] for request in requests[::-1]}
    for sample_id, image in alone.items():
        assert not isinstance(image, SampleError)
        assert image.tobytes() == again[sample_id].tobytes()
    assert all(
        request.input.tobytes() == fresh.input.tobytes()
        for request, fresh in zip(requests, _requests(split), strict=True)
    ), "a method must not draw into its input"


def test_batch_size_moves_no_pixel_by_more_than_one_level(call, split, tmp_path):
    for size in (1, 3):
        _run(call, split, tmp_path / str(size), batch_size=size)
    for image in load_run(tmp_path / "1").finished["image"]:
        one, three = (np.asarray(Image.open(tmp_path / size / image), int) for size in "13")
        assert np.abs(one - three).max() <= 1


def test_shards_and_resuming_change_no_byte(call, split, tmp_path):
    whole = _run(call, split, tmp_path / "whole", batch_size=1)
    part = _run(call, split, tmp_path / "resumed", batch_size=1, shard="2/2")
    assert part.items() < whole.items()
    assert _run(call, split, tmp_path / "resumed", batch_size=1) == whole
