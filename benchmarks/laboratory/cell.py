"""One cell: train an arm on a number of pairs, generate for the test clips, and judge the frames.

    python -m benchmarks.laboratory.cell --workspace DIR --arm joint --pairs 256 --seed 0 --out DIR

Writes `<arm>-<pairs>-seed<seed>.csv` with one row per test clip, and with seed 0 a strip of frames
into the folder `frames` next to it. An interrupted training resumes.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.laboratory.clip_facts import SHOWN, write_strip
from benchmarks.laboratory.design import ARMS, ITERATIONS, STEPS, Cell
from benchmarks.laboratory.materials import SIDE, TEST, WEIGHTS, Laboratory
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.support.images import read_rgb

METRICS = {"judge": "action", "judge_side": "side", "judge_target": "target", "psnr": "psnr"}


def bench(lab: Laboratory, *words: str) -> None:
    program = str(Path(sys.executable).with_name("bench"))
    subprocess.run([program, "-w", str(lab.workspace), *words], check=True)


def inputs(lab: Laboratory, cell: Cell, split: str) -> list[str]:
    """The words that name the descriptions and features of the cell's arm."""
    arm = ARMS[cell.arm]
    if arm.conditioning is None:
        return []
    words = ["--descriptions", arm.source]
    if arm.conditioning == "joint":
        words += ["-o", f"features={lab.features(arm.source, split)}"]
    return words


def train(lab: Laboratory, cell: Cell, iterations: int) -> None:
    arm = ARMS[cell.arm]
    trainer = "lego" if arm.conditioning else "ip2p"
    words = ["train", trainer, "--split", lab.pairs(cell.pairs), "--name", cell.name]
    words += ["--seed", str(cell.seed), "-o", f"init={lab.base}"]
    words += ["-o", f"iterations={iterations}", "-o", f"size={SIDE}", *inputs(lab, cell, lab.most)]
    words += ["-o", f"conditioning={arm.conditioning}"] if arm.conditioning else []
    bench(lab, *words)


def outcomes(lab: Laboratory, cell: Cell) -> pd.DataFrame:
    """One row per test clip: what the judge finds, as 0 or 1, and PSNR in dB."""
    method = "lego" if ARMS[cell.arm].conditioning else "ip2p"
    words = ["run", method, "--split", TEST, "--name", cell.name, "--weights", cell.name]
    words += ["--seed", str(cell.seed), "--batch-size", "32", "-o", f"steps={STEPS}"]
    words += inputs(lab, cell, TEST)
    bench(lab, *words)
    out = lab.workspace / "judged" / cell.name
    bench(lab, "score", "--split", TEST, "--run", cell.name, "--metrics", ",".join(METRICS),
          "--out", str(out))  # fmt: skip
    scores = pd.read_csv(out / "scores.csv")
    table = scores.pivot(index="sample_id", columns="metric", values="value")[list(METRICS)]
    order = load_split(lab.split(TEST)).samples["sample_id"]
    table = table.rename(columns=METRICS).loc[order].reset_index(drop=True)
    binary = [name for name in METRICS.values() if name != "psnr"]
    table[binary] = table[binary].astype(int)
    table["psnr"] = table["psnr"].round(2)
    table.insert(0, "clip", range(len(table)))
    return table


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder with the base")
    parser.add_argument("--arm", choices=ARMS, required=True)
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--most", type=int, default=4096, help="the largest number of pairs")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(words)
    os.environ["OMP_NUM_THREADS"] = "1"
    lab = Laboratory(
        chosen.workspace.resolve(), most_pairs=chosen.most, weights=chosen.weights.resolve()
    )
    cell = Cell(chosen.arm, chosen.pairs, chosen.seed)
    train(lab, cell, chosen.iterations)
    table = outcomes(lab, cell)
    if cell.seed == 0:
        images = load_run(lab.workspace / "runs" / TEST / cell.name).images
        ids = load_split(lab.split(TEST)).samples["sample_id"][:SHOWN]
        path = chosen.out.with_name("frames") / f"{cell.name}.png"
        write_strip((read_rgb(images[sample_id]) for sample_id in ids), path)
    write_csv(chosen.out / f"{cell.name}.csv", table)
    for folder in (lab.model(cell.name), lab.workspace / "runs" / TEST / cell.name):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
