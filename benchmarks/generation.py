"""Images per second, compared with diffusers' stock StableDiffusionInstructPix2PixPipeline.

    python -m benchmarks.generation --batch 1 8 --csv results/generation.csv

Both run the same networks, steps, guidance and noise, from input image to output image, in turns;
the ratio is that of the fastest rounds. Before that, their latents are compared. With 28 steps, all
times are whole training steps, for which both schedules agree (diffusers interpolates σ,
k-diffusion log σ).
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionInstructPix2PixPipeline
from PIL import Image

from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.denoiser.ancestral_sampler import (
    ancestral_sample,
    guided,
    noise_source,
)
from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_bench.diffusion.finetuning.starting_networks import from_scratch, load_vae
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.support.seeds import torch_generator
from egoactgen_lego.generator.lego_method import LEGO, LEGOOptions
from egoactgen_lego.generator.vllm_conditioning import Conditioner

VLLM = 64  # the width of the random features
SECONDS = {"cpu": time.process_time, "cuda": time.perf_counter}


class Drawn(LEGO):
    """LEGO with an untrained conditioner and random features."""

    def __init__(self, conditioning: str, options: LEGOOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        torch.manual_seed(0)
        width = self.model.unet.config.cross_attention_dim
        sizes = {"width": width, "vllm_width": VLLM, "heads": 2, "feed_forward": width}
        made = Conditioner(conditioning, **sizes).eval().requires_grad_(False)
        self.conditioner = made.to(context.device)

    def features_of(self, request: Request) -> dict[str, torch.Tensor]:
        generator = torch_generator(request.seed)
        return {
            kind: torch.randn(self.conditioner.sizes[f"{kind}_tokens"], VLLM, generator=generator)
            for kind in self.conditioner.takes
        }


def toy_weights(models: Path) -> Path:
    """A weights folder with the networks that `bench train --preset toy` starts from."""
    folder = untrained_weights.folder(models)
    model = from_scratch(load_vae(folder / "vae"), channels=2, size=64, seed=0)
    for part in ("unet", "text_encoder", "tokenizer"):
        shutil.rmtree(folder / part)
        getattr(model, part).save_pretrained(folder / part)
    return folder


def requests(count: int, side: int) -> list[Request]:
    drawn = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return [
        Request(str(n), Image.fromarray(drawn[n]), "open drawer", None, n) for n in range(count)
    ]


def stock_pipeline(model: LatentModel, scheduler: Path) -> Any:
    """diffusers' pipeline with these networks and the scheduler in a folder."""
    model.unet.to(memory_format=torch.contiguous_format)
    pipeline = StableDiffusionInstructPix2PixPipeline(
        vae=model.vae.to(model.unet.dtype),
        text_encoder=model.text_encoder.to(model.unet.dtype),
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=EulerAncestralDiscreteScheduler.from_pretrained(scheduler),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def stock(pipeline: Any, method: LEGO, asked: list[Request], output: str) -> Any:
    with torch.inference_mode():
        context = method._context([(request, method.features_of(request)) for request in asked])
        null = method.conditioner.null(method.empty_prompt).expand_as(context)
    return pipeline(
        prompt_embeds=context.to(pipeline.unet.dtype),
        negative_prompt_embeds=null.to(pipeline.unet.dtype),
        image=[request.input for request in asked],
        generator=[torch_generator(request.seed) for request in asked],
        num_inference_steps=method.options.steps,
        guidance_scale=method.options.guidance_text,
        image_guidance_scale=method.options.guidance_image,
        output_type=output,
    ).images


@torch.inference_mode()
def our_latents(method: LEGO, asked: list[Request]) -> torch.Tensor:
    model = method.model
    image = model.encode(model.pixels([request.input for request in asked]))
    context = method._context([(request, method.features_of(request)) for request in asked])
    denoise = guided(model.unet, image, context, method.conditioner.null(method.empty_prompt))
    generators = [torch_generator(request.seed) for request in asked]
    draw = noise_source(generators, image.shape[1:], method.context.device)
    return ancestral_sample(denoise, method.options.steps, draw)


def fastest(runs: dict[str, Callable[[], Any]], rounds: int, device: str) -> dict[str, float]:
    """Seconds of each run's fastest round, with the runs in turns; processor seconds on a CPU."""
    clock, best = SECONDS[device], dict.fromkeys(runs, float("inf"))
    for _ in range(rounds + 1):  # the first one warms up
        for name, run in runs.items():
            start = clock()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            best[name] = min(best[name], clock() - start)
    return best


def measure(method: LEGO, batch: int, rounds: int, device: str) -> dict[str, object]:
    same = type(method)(method.conditioner.conditioning, LEGOOptions(), method.context).model
    pipeline = stock_pipeline(same, method.folder / "scheduler")
    asked = requests(batch, method.model.size)
    theirs = stock(pipeline, method, asked, "latent").float()
    difference = (our_latents(method, asked) - theirs).abs().max().item()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    runs = {
        "ours": lambda: method.generate(asked),
        "stock": lambda: stock(pipeline, method, asked, "pil"),
    }
    seconds = fastest(runs, rounds, device)
    found: dict[str, object] = {
        "context_tokens": method.conditioner.null(method.empty_prompt).shape[1],
        "batch": batch,
        "ours_images_per_second": round(batch / seconds["ours"], 3),
        "stock_images_per_second": round(batch / seconds["stock"], 3),
        "ratio": round(seconds["stock"] / seconds["ours"], 3),
        "latents_differ_by": f"{difference:.1e}",
        "latents_reach": round(theirs.abs().max().item(), 1),
    }
    if device == "cuda":
        found["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--weights", type=Path, help="a weights folder (default: the untrained toy networks)"
    )
    parser.add_argument("--conditioning", nargs="+", default=["labels", "joint"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--steps", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=SECONDS, default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--csv", type=Path, help="where to write the table")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    options = LEGOOptions(steps=chosen.steps, compile=chosen.compile)
    with tempfile.TemporaryDirectory() as models:
        weights = chosen.weights or toy_weights(Path(models))
        context = MethodContext(weights, device=chosen.device, dtype=chosen.dtype)
        rows = []
        for conditioning in chosen.conditioning:
            method = Drawn(conditioning, options, context)
            for batch in chosen.batch:
                row = measure(method, batch, chosen.rounds, chosen.device)
                rows.append({"conditioning": conditioning, **row})
                print(row, flush=True)
    table = pd.DataFrame(rows)
    print(f"PyTorch {torch.__version__}, {chosen.device}, {chosen.dtype}, {chosen.steps} steps")
    print(table.to_string(index=False))
    if chosen.csv:
        write_csv(chosen.csv, table)


if __name__ == "__main__":
    main()
