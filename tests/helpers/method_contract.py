"""The contract of every method, registered or not: an image depends only on its request.

`arguments` are those of `run_method.prepare` without the split and the folder, for instance
`{"method": "mine:Mine"}`; each check runs the method in folders below `folder`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.stages.run import run_method
from egoactgen_bench.support.seeds import derive_seed

Arguments = Mapping[str, Any]


def check_images_repeat(arguments: Arguments, split: Split, folder: Path) -> None:
    """Every image is 8-bit RGB, and a second run gives the same bytes."""
    first = _run(arguments, split, folder / "first", batch_size=2)
    run = load_run(folder / "first")
    assert set(run.samples["status"]) == {"ok"}, list(run.samples["detail"])
    for image in run.finished["image"]:
        assert Image.open(run.image_path(image)).mode == "RGB"
    assert _run(arguments, split, folder / "second", batch_size=2) == first


def check_order(arguments: Arguments, split: Split, folder: Path) -> None:
    """Neither the order of the requests nor earlier calls change a byte; inputs stay unchanged."""
    job = run_method.prepare(split=split, folder=folder / "none", **arguments)
    job.method.load()
    requests = _requests(split)
    alone = {request.sample_id: job.method.generate([request])[0] for request in requests}
    again = {request.sample_id: job.method.generate([request])[0] for request in requests[::-1]}
    for sample_id, image in alone.items():
        repeated = again[sample_id]
        assert not isinstance(image, SampleError)
        assert not isinstance(repeated, SampleError)
        assert image.tobytes() == repeated.tobytes(), "an image depends on earlier calls"
    assert all(
        request.input.tobytes() == fresh.input.tobytes()
        for request, fresh in zip(requests, _requests(split), strict=True)
    ), "a method must not draw into its input"


def check_batch_size(arguments: Arguments, split: Split, folder: Path) -> None:
    """Another batch size changes pixels by at most one level."""
    for size in (1, 3):
        _run(arguments, split, folder / str(size), batch_size=size)
    for image in load_run(folder / "1").finished["image"]:
        one, three = (np.asarray(Image.open(folder / size / image), int) for size in "13")
        assert np.abs(one - three).max() <= 1, "an image depends on its batch"


def check_shards(arguments: Arguments, split: Split, folder: Path) -> None:
    """Shards and resuming do not change a byte."""
    whole = _run(arguments, split, folder / "whole", batch_size=1)
    part = _run(arguments, split, folder / "resumed", batch_size=1, shard="2/2")
    assert part.items() < whole.items()
    assert _run(arguments, split, folder / "resumed", batch_size=1) == whole


CHECKS = (check_images_repeat, check_order, check_batch_size, check_shards)


def _run(arguments: Arguments, split: Split, folder: Path, **choices: Any) -> dict[str, str]:
    run = run_method.run(split=split, folder=folder, **{**arguments, **choices})
    return dict(zip(run.samples["sample_id"], run.samples["sha256"], strict=True))


def _requests(split: Split, seed: int = 0) -> list[Request]:
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
