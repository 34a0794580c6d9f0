"""How fast training samples are read, and how long a training takes to start.

    python -m benchmarks.feeding --folder /tmp/feeding --csv results/measured/feeding.csv

Draws a split with frames of 256 × 256 and features in the released layout and shapes: (256, 5120)
and (64, 5120) float16, 3.3 MB per sample; 6,144 samples take 20 GB. The first samples have frames
of their own, the others repeat them. Each start is a new process that does what `bench train lego`
does until its first batch of 32. Rates are measured on `--warm` samples that are read once before,
so that they come from memory. The time of all processes on all cores is listed, too, as other
programs on the machine affect it less.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.drawn_inputs import write_split
from egoactgen_bench.artifacts.splits import (
    Split,
    fingerprint,
    frames_fingerprint,
    load_split,
)
from egoactgen_bench.support.files import read_json, write_csv, write_json

SIZE, BATCH, SEED = 256, 32, 0
IMAGE, TEXT = (256, 5120), (64, 5120)
SPLIT = "drawn-train"
NEEDED = 4 * BATCH / 0.5  # samples per second: four times those of steps of 0.5 s, an assumption


def draw(folder: Path, samples: int, frames: int, width: int) -> None:
    """Write the split, and its features of `width` dimensions, unless they exist."""
    if (folder / "drawn").is_file():
        return
    place = folder / "splits" / SPLIT
    split = write_split(place, min(samples, frames), (SIZE, SIZE))
    _repeat(place, split, samples)
    for kind, (tokens, full) in {"image": IMAGE, "text": TEXT}.items():
        values = tokens * min(width, full)
        pool = _pool(values + samples)
        for number, sample_id in enumerate(load_split(place).samples["sample_id"]):
            clip, _, action = sample_id.rpartition("_")
            path = folder / "features" / f"vllm_{kind}_feature" / clip / action / "input.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, pool[number : number + values].reshape(tokens, -1))  # all differ
    (folder / "drawn").touch()


def _repeat(place: Path, split: Split, samples: int) -> None:
    """Make a split of `samples` training samples from the drawn ones."""
    rows = split.samples.iloc[[number % len(split.samples) for number in range(samples)]].copy()
    rows["sample_id"] = [f"drawn_{number:06d}" for number in range(samples)]
    for role in ("input", "target"):
        column = f"{role}_frame"
        own = [f"frames/{sample_id}/{role}.png" for sample_id in rows["sample_id"]]
        for path, drawn in zip(own, rows[column], strict=True):
            (place / path).parent.mkdir(exist_ok=True)
            if path != drawn:
                (place / path).hardlink_to(place / drawn)
        rows[column] = own
    write_csv(place / "samples.csv", rows)
    texts = [f"The left hand reaches out and grasps object {number}." for number in range(samples)]
    described = pd.DataFrame({"sample_id": rows["sample_id"], "description": texts})
    write_csv(place / "descriptions" / "drawn.csv", described)
    manifest = read_json(place / "split.json") | {"subset": "train"}
    manifest["counts"]["kept"] = samples
    manifest |= {"fingerprint": fingerprint(rows), "frames_fingerprint": frames_fingerprint(rows)}
    write_json(place / "split.json", manifest)


def _pool(values: int) -> NDArray[np.float16]:
    drawn = np.random.default_rng(SEED).standard_normal(values, dtype=np.float32)
    return drawn.astype(np.float16)


class Start:
    """A training of LEGO that is ready for its first step; `seconds` has the parts of the start."""

    def __init__(self, folder: Path, warm: int) -> None:
        begun = time.perf_counter()
        from accelerate import PartialState

        from egoactgen_bench.diffusion.denoiser import untrained_weights
        from egoactgen_bench.diffusion.finetuning.denoising_loss import Denoising
        from egoactgen_bench.stages.train.train_weights import prepare

        self.warm, self.seconds = warm, {"imports": time.perf_counter() - begun}
        weights = untrained_weights.folder(folder / "models")
        split = self._timed("split", lambda: load_split(folder / "splits" / SPLIT))
        job = self._timed(
            "hashes",
            lambda: prepare(
                "lego",
                split,
                folder / "out",
                models=folder / "models",
                cache=folder / "cache",
                descriptions="drawn",
                device="cpu",
                seed=SEED,
                options={
                    "init": str(weights),
                    "features": str(folder / "features"),
                    "size": SIZE,
                    "flip": 0.0,
                },
            ),
        )
        trainer: Any = job.trainer
        vae = weights / "vae"
        model = trainer._start(vae)
        state = PartialState(cpu=True)
        latents = self._timed("frames", lambda: trainer._encoded(model, state))
        pairs, _ = self._timed("samples", lambda: trainer._pairs(latents))
        conditioner = trainer.conditioner(int(model.text_encoder.config.hidden_size))
        source = latents.complete(), trainer.feature_source(), trainer.options, SEED
        self.make = Denoising(model, conditioner, pairs[:warm], *source).picklable()

    def _timed(self, name: str, function: Any) -> Any:
        begun = time.perf_counter()
        found = function()
        self.seconds[name] = time.perf_counter() - begun
        return found

    def batches(self, workers: int, count: int) -> Iterator[Any]:
        """Batches of consecutive steps."""
        from egoactgen_bench.diffusion.finetuning.batch_loading import in_thread, in_workers
        from egoactgen_bench.diffusion.finetuning.sample_draws import sample_draws

        assert self.make is not None
        steps = (range(step * BATCH, (step + 1) * BATCH) for step in range(count))
        draws = [list(sample_draws(SEED, n, each, self.warm)) for n, each in enumerate(steps)]
        if workers:
            return in_workers(self.make, draws, workers, pinned=False)
        return in_thread(self.make, draws, pinned=False)


def start(folder: Path, warm: int, workers: int) -> dict[str, float]:
    """The seconds of each part of a start, and in total."""
    started = Start(folder, warm)
    batches = started.batches(workers, max(workers, 1))
    started._timed("first batch", lambda: next(batches))
    total = sum(started.seconds.values())
    for _ in batches:  # until the workers end, so that their time is counted
        pass
    return started.seconds | {"total": total, "core seconds": _core_seconds()}


def rate(folder: Path, warm: int, workers: int, count: int) -> dict[str, float]:
    """Samples per second of batches that nobody uses, and the time of cores that each takes."""
    started = Start(folder, warm)
    for _ in started.batches(0, -(-warm // BATCH)):  # all samples, once
        pass
    before = _core_seconds()
    batches = iter(started.batches(workers, count + 2))
    next(batches)
    begun = time.perf_counter()
    used = sum(1 for _ in batches)
    elapsed = time.perf_counter() - begun
    spent = _core_seconds() - before
    # Without the start of the workers, which a training does once.
    for _ in islice(started.batches(workers, 2), 2):
        pass
    idle = _core_seconds() - before - spent
    core_ms = 1000 * (spent - idle) / (count * BATCH)
    return {"samples per second": used * BATCH / elapsed, "core ms per sample": max(core_ms, 0.0)}


def _core_seconds() -> float:
    """The time on cores of this process and its children that have ended."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in found)


def measured(arguments: argparse.Namespace, **asked: Any) -> dict[str, float]:
    """`start` or `rate` in a new process."""
    words = [sys.executable, "-m", "benchmarks.feeding", "--folder", str(arguments.folder)]
    words += ["--asked", json.dumps(asked | {"warm": arguments.warm})]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    found: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return found


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=6144)
    parser.add_argument("--frames", type=int, default=512, help="samples with frames of their own")
    parser.add_argument("--width", type=int, default=5120, help="dimensions of the features")
    parser.add_argument("--warm", type=int, default=1024)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--asked", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.asked:
        asked = arguments.asked
        chosen = rate if "count" in asked else start
        print(json.dumps(chosen(arguments.folder, **asked)))
        return
    draw(arguments.folder, arguments.samples, arguments.frames, arguments.width)
    rows: list[dict[str, Any]] = []

    def note(what: str, workers: int, found: dict[str, float]) -> None:
        load = round(os.getloadavg()[0], 1)
        rows.extend(
            {"what": what, "part": part, "workers": workers, "value": round(value, 2), "load": load}
            for part, value in found.items()
        )
        print(what, workers, {part: round(value, 2) for part, value in found.items()}, flush=True)

    most = max(arguments.workers)
    note("first start, seconds", most, measured(arguments, workers=most))
    note("later start, seconds", most, measured(arguments, workers=most))
    for workers in arguments.workers:
        note("reading", workers, measured(arguments, workers=workers, count=arguments.batches))
    print(f"needed, if a step of {BATCH} samples takes 0.5 s: {NEEDED:.0f} samples per second")
    if arguments.csv:
        write_csv(arguments.csv, pd.DataFrame(rows))


if __name__ == "__main__":
    main()
