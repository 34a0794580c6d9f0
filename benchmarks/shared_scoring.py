"""What the metrics of regions cost next to those of whole frames, with which they share work.

    python -m benchmarks.shared_scoring --folder DIR --csv results/scoring_shared.csv

Full-size networks with random weights. Each row is scored in a new process, without the time of
imports: `first` scores all runs, `again` one more run, with what is kept of the targets. `alone` is
the sum over calls of one metric each. Times are processor seconds of one thread; `decoded` is the
number of images that were decoded.
"""

import argparse
import importlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks import drawn_inputs
from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.support import images
from egoactgen_bench.support.files import write_csv

WHOLE = ("psnr", "lpips", "dino")
REGIONS = tuple(
    f"{name}_{region}" for name in WHOLE for region in ("hands", "object", "background")
)
ROWS = {
    "whole": (WHOLE,),
    "whole and regions": ((*WHOLE, *REGIONS),),
    "whole and regions, alone": tuple((name,) for name in (*WHOLE, *REGIONS)),
}
IMPORTED = (
    "egoactgen_bench.stages.score.score_runs",
    "egoactgen_bench.metrics.lpips_network",
    "egoactgen_bench.metrics.dino_network",
    "egoactgen_bench.metrics.regions.dino_patches",
    "lpips",
    "transformers.models.dinov2.modeling_dinov2",
)
FRAME, OUTPUT = (456, 256), (256, 256)
BOXES = ("left_hand,60,150,90,80", "right_hand,280,140,100,90", "object,190,90,80,70")


def write_inputs(folder: Path, runs: int, samples: int) -> None:
    """A split with boxes, `runs` + 1 runs, and the weights of SqueezeNet and DINOv2 ViT-B/14."""
    if (folder / "models" / "dinov2-base").is_dir():
        return
    split = drawn_inputs.write_split(folder / "splits" / "drawn", samples, FRAME)
    lines = ["sample_id,frame,kind,x,y,width,height"]
    lines += [f"{name},target,{box}" for name in split.samples["sample_id"] for box in BOXES]
    (split.folder / "boxes.csv").write_text("\n".join(lines) + "\n")
    for number in range(runs + 1):
        drawn_inputs.write_run(split, folder / "runs" / f"run_{number}", number, OUTPUT)
    _write_weights(folder / "models")


def _write_weights(folder: Path) -> None:
    import torch
    from torchvision.models import squeezenet1_1
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    folder.mkdir(exist_ok=True)
    torch.save(squeezenet1_1().state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    dino = folder / "dinov2-base"
    BitImageProcessor(
        size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224}
    ).save_pretrained(dino)
    Dinov2Model(Dinov2Config(image_size=518, patch_size=14)).save_pretrained(dino)


def measure(row: str, inputs: Path, count: int) -> dict[str, object]:
    """One row of the table; called in a new process, in which nothing is loaded yet."""
    import torch

    for module in IMPORTED:
        importlib.import_module(module)
    torch.set_num_threads(1)
    split = load_split(inputs / "splits" / "drawn")
    runs = [load_run(inputs / "runs" / f"run_{number}") for number in range(count + 1)]
    decoded: list[str] = []
    decode = images.decode
    images.decode = lambda data, name: (decoded.append(name), decode(data, name))[1]
    found: dict[str, object] = {"scored": row, "runs": count, "samples": len(split.samples)}
    with tempfile.TemporaryDirectory(dir=inputs) as folder:
        for name, part in (("first", runs[:count]), ("again", runs[count:])):
            decoded.clear()
            start = time.process_time()
            for number, metrics in enumerate(ROWS[row]):
                _score(split, part, metrics, inputs / "models", Path(folder) / str(number))
            found |= {name: time.process_time() - start, f"decoded_{name}": len(decoded)}
    return found | {"metrics": sum(map(len, ROWS[row]))}


def _score(
    split: Split, runs: list[Run], metrics: Sequence[str], weights: Path, folder: Path
) -> None:
    from egoactgen_bench import score

    score(split, runs, folder, weights=weights, metrics=list(metrics), bootstrap=0, device="cpu")


def main() -> None:
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    os.environ |= {"HF_HUB_OFFLINE": "1"}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="folder of the inputs, kept")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--csv", type=Path, help="where to write the table")
    options = parser.parse_args()
    inputs = options.folder / f"shared-{options.runs}x{options.samples}"
    write_inputs(inputs, options.runs, options.samples)
    spawn = multiprocessing.get_context("spawn")
    rows: list[dict[str, object]] = []
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as pool:
        for row in pool.map(partial(measure, inputs=inputs, count=options.runs), ROWS):
            rows.append(row)
            table = pd.DataFrame(rows)
            print(table.to_string(index=False, float_format=lambda v: f"{v:.4g}"), flush=True)
            if options.csv:
                write_csv(options.csv, table)


if __name__ == "__main__":
    main()
