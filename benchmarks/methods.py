"""Time and memory per image of every method, at equal settings, in one table.

    python benchmarks/methods.py --count 4 --steps 10
    python benchmarks/methods.py --weights ip2p=PATH sd=PATH --device cuda --dtype bfloat16

Each method runs in its own process; its memory is the peak of this process (on CUDA, of the
device). The first image, which includes the warm-up, is not counted. Without `--weights`, the toy
weights are used: this compares the methods with each other, but does not show the cost of full-size
weights.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.api.weights_folder import SHIPPED
from egoactgen_bench.support.files import write_csv

METHODS = ("copy-input", "lego", "ip2p", "sdedit", "proxedit", "diffusers")
WEIGHTS = {"lego": "ip2p", "ip2p": "ip2p", "sdedit": "sd", "proxedit": "sd"}  # keys of --weights


def measure(call: dict[str, Any]) -> dict[str, Any]:
    """Seconds and MB per image of one method, in this process."""
    import numpy as np
    import torch
    from PIL import Image

    from egoactgen_bench.api.method import MethodContext
    from egoactgen_bench.api.records import Request
    from egoactgen_bench.generation.method_factory import build

    noise = np.random.default_rng(0)
    requests = [
        Request(
            f"s_{number}",
            Image.fromarray(noise.integers(0, 256, (256, 456, 3), dtype=np.uint8)),
            "open drawer",
            None,
            number,
        )
        for number in range(call["count"] + 1)
    ]
    steps = {} if call["name"] == "copy-input" else {"steps": call["steps"]}
    method = build(
        call["method"],
        steps,
        weights=call["weights"],
        context=MethodContext(
            models=Path(call["models"]), device=call["device"], dtype=call["dtype"]
        ),
    )
    before = peak(method.context.device)
    method.load()
    method.generate(requests[:1])
    start = time.perf_counter()
    for first in range(1, len(requests), call["batch"]):
        method.generate(requests[first : first + call["batch"]])
    if method.context.device.startswith("cuda"):
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / call["count"]
    used = peak(method.context.device)
    return {
        "method": call["name"],
        "seconds_per_image": round(seconds, 4),
        "peak_mb": round(used / 1e6),
        "networks_and_images_mb": round((used - before) / 1e6),
    }


def peak(device: str) -> int:
    """Peak memory so far, in bytes: of the CUDA device, otherwise of this process."""
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def pipeline_folder(folder: Path) -> Path:
    """The untrained weights as a diffusers pipeline."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionInstructPix2PixPipeline

    from egoactgen_bench.diffusion.denoiser import latent_model, untrained_weights

    model = latent_model.load(untrained_weights.folder(folder / "models"), "cpu", torch.float32)
    parts = (model.vae, model.text_encoder, model.tokenizer, model.unet, DDIMScheduler())
    made = StableDiffusionInstructPix2PixPipeline(*parts, None, None, requires_safety_checker=False)
    made.save_pretrained(folder / "pipeline")
    return folder / "pipeline"


def main() -> None:
    """Measure every method, and print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=4, help="number of images to time")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--weights", nargs="*", default=[], help="ip2p=PATH and sd=PATH")
    parser.add_argument("--pipeline", type=Path, help="for diffusers:PATH")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    given = dict(pair.split("=", 1) for pair in arguments.weights)
    with tempfile.TemporaryDirectory() as temporary:
        place = arguments.pipeline or pipeline_folder(Path(temporary))
        shared = {key: getattr(arguments, key) for key in ("count", "steps", "batch", "device")}
        rows = []
        for name in METHODS:
            call = shared | {
                "name": name,
                "method": f"diffusers:{place}" if name == "diffusers" else name,
                "models": f"{temporary}/models",
                "weights": given.get(WEIGHTS[name], SHIPPED) if name in WEIGHTS else None,
                "dtype": arguments.dtype,
            }
            command = [sys.executable, __file__, "--one", json.dumps(call)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if arguments.csv:
        write_csv(arguments.csv, table)


if __name__ == "__main__":
    main()
