"""The largest difference between values computed on the CPU and on the device."""

import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.gpu import scoring_speed
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setting import Add, Setting
from egoactgen_bench import score
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.splits import Split

SAMPLES, FRAME = 4, (456, 256)
TOY = Path("toy")  # the weights that come with the package


def measure(setting: Setting, add: Add) -> None:
    """All metrics with toy weights, and those of the speed part at full size."""
    split, runs = scoring_speed.drawn(setting, SAMPLES, 1, FRAME)
    every = ["psnr", "lpips"] if setting.toy else None
    _compare("toy weights", every, split, runs, TOY, setting, add)
    metrics = scoring_speed.TOY_METRICS if setting.toy else scoring_speed.METRICS
    found = scoring_speed.weights(setting)
    _compare("random weights", list(metrics), split, runs, found, setting, add)


def _compare(
    title: str,
    metrics: list[str] | None,
    split: Split,
    runs: list[Run],
    weights: Path,
    setting: Setting,
    add: Add,
) -> None:
    here, there = (_values(metrics, split, runs, weights, each) for each in ("cpu", setting.device))
    apart = (there - here).abs().groupby("metric", observed=True).max()
    largest = here.abs().groupby("metric", observed=True).max()
    for metric, difference in apart.items():
        unit = "largest difference"
        add(Row(f"{metric}, {title}", float(difference), unit, float(largest[metric])))


def _values(
    metrics: list[str] | None, split: Split, runs: list[Run], weights: Path, device: str
) -> pd.Series:
    protocol = "standard" if weights == TOY else "lego-release"
    chosen = {"protocol": protocol, "metrics": metrics, "descriptions": "drawn"}
    with tempfile.TemporaryDirectory() as folder:
        scores = score(
            split, runs, Path(folder), weights=weights, bootstrap=0, device=device, **chosen
        )
        values = scores.values[["metric", "sample_id", "value"]].astype({"sample_id": str})
        return values.set_index(["metric", "sample_id"])["value"]
