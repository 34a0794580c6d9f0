"""Seconds to score runs, compared with a loop that scores like the released code."""

import importlib
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import drawn_inputs, scoring
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setting import Add, Setting
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.splits import Split

METRICS = ("lpips", "clip", "egovlp", "egovlp_plus", "fid")
# FID's distance takes a CPU half a minute in the loop.
TOY_METRICS = ("lpips",)
RUNS, SAMPLES = 4, 64
TOY_RUNS, TOY_SAMPLES = 2, 2
SIZES = {False: drawn_inputs.PUBLISHED, True: drawn_inputs.SMALL}


def weights(setting: Setting) -> Path:
    """The folder of random weights, which other parts use, too."""
    folder = setting.folder / "metric-weights"
    drawn_inputs.write_weights(folder, SIZES[setting.toy], captions=False)
    return folder


def drawn(setting: Setting, samples: int, runs: int, frame: tuple[int, int]) -> tuple[Split, Any]:
    """A split and runs of it, in a new folder."""
    folder = Path(tempfile.mkdtemp(dir=setting.folder))
    split = drawn_inputs.write_split(folder / "drawn", samples, frame)
    made = [
        drawn_inputs.write_run(split, folder / f"run_{number}", number, scoring.OUTPUT)
        for number in range(runs)
    ]
    return split, made


def measure(setting: Setting, add: Add) -> None:
    """The loop loads its networks again for each run, so one run is measured for all of them."""
    for module in scoring.IMPORTED:  # the time of imports is not measured, for either side
        importlib.import_module(module)
    from benchmarks import released_scoring

    found = weights(setting)
    count = TOY_RUNS if setting.toy else RUNS
    samples = TOY_SAMPLES if setting.toy else SAMPLES
    split, runs = drawn(setting, samples, count, scoring.FRAME)
    _warm_up(setting)
    ours, loops = 0.0, 0.0
    for metric in TOY_METRICS if setting.toy else METRICS:
        loop = getattr(released_scoring, metric)
        call = partial(loop, split, runs[0], found, device=setting.device)
        in_loop = count * setting.seconds(call)
        own = setting.seconds(partial(_ours, setting, [metric], split, runs, found))
        add(Row(f"{metric}, {count} × {samples} images", own, "s", in_loop))
        ours, loops = ours + own, loops + in_loop
    add(Row("these together, one after the other", ours, "s", loops))
    chosen = TOY_METRICS if setting.toy else METRICS
    together = setting.seconds(partial(_ours, setting, list(chosen), split, runs, found))
    add(Row("these together, in one call", together, "s", loops))


def _ours(
    setting: Setting, metrics: list[str], split: Split, runs: list[Run], weights: Path
) -> pd.DataFrame:
    with tempfile.TemporaryDirectory(dir=setting.folder) as folder:
        return scoring.ours(metrics, split, runs, weights, Path(folder), setting.device)


def _warm_up(setting: Setting) -> None:
    """The device's libraries start, for neither side."""
    import torch

    with torch.no_grad():
        layer = torch.nn.Conv2d(3, 8, 3).to(setting.device)
        layer(torch.zeros(1, 3, 32, 32, device=setting.device)).mean().item()
