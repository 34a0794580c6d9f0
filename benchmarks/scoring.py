"""Time the scoring engine, compared with a loop that scores like the released code.

    python -m benchmarks.scoring --folder /tmp/bench --csv results/scoring.csv
    python -m benchmarks.scoring --folder /tmp/bench --memory --csv results/scoring_memory.csv

Both use the same weights (random, full size), images and threads; all values must agree. `ours`
scores a split for the first time; `ours_again` scores one more run, with the targets' features
cached. Times are processor seconds, so other work on the machine has little influence. A metric's
row is added to the CSV file as soon as it is measured; rows of other metrics are kept.
"""

import argparse
import importlib
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import drawn_inputs
from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.support.files import write_csv

METRICS = ("egovlp", "egovlp_plus", "clip", "lpips", "fid", "blip_b")
IMPORTED = (
    "benchmarks.released_scoring",
    "egoactgen_bench.stages.score.score_runs",
    "egoactgen_bench.captioning.transformers_blip",
    "egoactgen_bench.metrics.clip_network",
    "egoactgen_bench.metrics.egovlp_features",
    "egoactgen_bench.metrics.inception_network",
    "egoactgen_bench.metrics.lpips_network",
    "lpips",
    "scipy.linalg",
    "transformers.models.blip.modeling_blip",
    "transformers.models.distilbert.modeling_distilbert",
)
TOGETHER = "all but captions"
# Float32 sums in another order; the square root of a singular matrix has five correct digits.
TOLERANCES = {"fid": 1e-4}
FRAME, OUTPUT = (456, 256), (256, 256)


def ours(
    metrics: list[str],
    split: Split,
    runs: list[Run],
    weights: Path,
    folder: Path,
    device: str = "cpu",
) -> pd.DataFrame:
    from egoactgen_bench import score

    chosen = {"protocol": "lego-release", "metrics": metrics, "descriptions": "drawn"}
    scores = score(split, runs, folder, weights=weights, bootstrap=0, device=device, **chosen)
    return scores.values[["run", "sample_id", "value"]]


def released(metric: str, split: Split, runs: list[Run], weights: Path) -> pd.DataFrame:
    from benchmarks import released_scoring

    rows = [
        (run.name, sample_id, value)
        for run in runs
        for sample_id, value in getattr(released_scoring, metric)(split, run, weights).items()
    ]
    return pd.DataFrame(rows, columns=["run", "sample_id", "value"])


def timed(call: Callable[[], pd.DataFrame]) -> tuple[float, pd.Series]:
    start = time.process_time()
    table = call()
    seconds = time.process_time() - start
    keys = ["run", "sample_id"]
    return seconds, table.astype(dict.fromkeys(keys, str)).set_index(keys)["value"]


def compare(metric: str, inputs: Path, count: int) -> dict[str, object]:
    """One row of the table; called in a new process, in which nothing is loaded yet."""
    import torch

    for module in IMPORTED:  # import time is not measured, for either side
        importlib.import_module(module)
    torch.set_num_threads(1)
    split = load_split(inputs / "splits" / "drawn")
    runs = [load_run(inputs / "runs" / "drawn" / f"run_{number}") for number in range(count + 1)]
    weights = inputs / "models"
    with tempfile.TemporaryDirectory(dir=inputs) as folder:
        first, found = timed(lambda: ours([metric], split, runs[:count], weights, Path(folder)))
        again, _ = timed(lambda: ours([metric], split, runs[count:], weights, Path(folder)))
    plain, wanted = timed(lambda: released(metric, split, runs[:count], weights))
    apart = float(np.abs(found.loc[wanted.index] / wanted - 1).max())
    row = {"metric": metric, "runs": count, "samples": len(split.samples)}
    row |= {"released": plain, "ours": first, "ours_again": again}
    agree = len(found) == len(wanted) and apart <= TOLERANCES.get(metric, 1e-5)
    return row | {"values": len(wanted), "apart": apart, "equal": agree}


def write_inputs(folder: Path, runs: int, samples: int) -> None:
    """A split, `runs` + 1 runs (the last for `ours_again`), and weights; kept for the next call."""
    if (folder / "models").exists():
        return
    drawn_inputs.write_weights(folder.parent / "models")
    split = drawn_inputs.write_split(folder / "splits" / "drawn", samples, FRAME)
    for number in range(runs + 1):
        drawn_inputs.write_run(split, folder / "runs" / "drawn" / f"run_{number}", number, OUTPUT)
    (folder / "models").symlink_to(folder.parent.resolve() / "models")


def speed(options: argparse.Namespace) -> None:
    inputs = options.folder / f"speed-{options.runs}x{options.samples}"
    write_inputs(inputs, options.runs, options.samples)
    known = pd.DataFrame()
    if options.csv and options.csv.is_file():
        known = pd.read_csv(options.csv)
        known = known[~known["metric"].isin([*options.metrics, TOGETHER])]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as pool:
        for row in pool.map(partial(compare, inputs=inputs, count=options.runs), options.metrics):
            known = pd.concat([known, pd.DataFrame([row])], ignore_index=True)
            show(with_ratios(known), options.csv)


def with_ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their ratios, and one row for all image metrics together."""
    order = {metric: place for place, metric in enumerate(METRICS)}
    table = rows.sort_values("metric", key=lambda names: names.map(order), ignore_index=True)
    images = table[table["metric"] != "blip_b"]
    if len(images) > 1:
        sums = images[["released", "ours", "ours_again", "values"]].sum()
        total = {"metric": TOGETHER, **images.iloc[0][["runs", "samples"]], **sums}
        total |= {"apart": images["apart"].max(), "equal": images["equal"].all()}
        table.loc[len(table)] = total
    table["ratio"] = table["released"] / table["ours"]
    table["ratio_again"] = table["released"] / table["runs"] / table["ours_again"]
    return table


def peak(samples: int, runs: int, folder: Path, traced: bool) -> float:
    """Peak memory in bytes of a process that scores metrics without networks.

    Resident memory, which includes freed memory, or memory held by Python and NumPy (`traced`).
    """
    from egoactgen_bench import score

    if traced:
        tracemalloc.start()
    split = load_split(folder / f"split-{samples}")
    loaded = [load_run(folder / f"run-{samples}-{number}") for number in range(runs)]
    score(
        split,
        loaded,
        folder / f"scores-{samples}-{traced}",
        metrics=["psnr", "change"],
        bootstrap=100,
    )
    if traced:
        return tracemalloc.get_traced_memory()[1]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory(options: argparse.Namespace) -> pd.DataFrame:
    """Growth of peak memory with the number of samples, for small images and for 456×256."""
    rows = []
    for size, counts in (((16, 16), (400, 2400)), (FRAME, (120, 320))):
        folder = options.folder / f"memory-{size[0]}"
        shutil.rmtree(folder, ignore_errors=True)
        for count in counts:
            split = drawn_inputs.write_split(folder / f"split-{count}", count, size)
            for number in range(options.runs):
                drawn_inputs.write_run(split, folder / f"run-{count}-{number}", number, size)
        spawn = multiprocessing.get_context("spawn")
        row = {"width": size[0], "height": size[1], "runs": options.runs}
        for what, traced in (("resident", False), ("held", True)):
            with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as pool:
                low, high = (
                    pool.submit(peak, count, options.runs, folder, traced).result()
                    for count in counts
                )
            grown = (high - low) / (counts[1] - counts[0]) / options.runs
            rows.append(
                row
                | {"memory": what, "fewer": counts[0], "more": counts[1]}
                | {"fewer_mb": low / 1e6, "more_mb": high / 1e6, "bytes_per_sample_and_run": grown}
            )
    return pd.DataFrame(rows)


def main() -> None:
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    os.environ |= {"HF_HUB_OFFLINE": "1"}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--folder", type=Path, required=True, help="folder of the random weights, which are kept"
    )
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead")
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=list(METRICS))
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--csv", type=Path, help="where to write the table")
    options = parser.parse_args()
    if options.memory:
        show(memory(options), options.csv)
    else:
        speed(options)


def show(table: pd.DataFrame, path: Path | None) -> None:
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4g}"), flush=True)
    if path:
        write_csv(path, table)


if __name__ == "__main__":
    main()
