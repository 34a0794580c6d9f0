"""A loop that generates like the released code, as a baseline for speed.

One image at a time: its text and frame are encoded, and the UNet is called once per step for the
three terms of the guidance. Weights are float32, computed in float16 by autocast on a GPU, and
attention is not fused, as in the code of latent diffusion from 2022. Unlike the released code, it
does not write images.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image
from torch import Tensor

from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_bench.diffusion.denoiser.noise_schedule import ancestral_step, sigmas, time_of
from egoactgen_bench.diffusion.denoiser.postprocess import clamped
from egoactgen_bench.support.seeds import torch_generator

TEXT_SCALE, IMAGE_SCALE = 7.5, 1.5

# A request → (1, L, width) context, and the null context of that shape.
Condition = Callable[[Request], tuple[Tensor, Tensor]]


@torch.no_grad()
def generate(
    model: LatentModel, requests: Sequence[Request], condition: Condition, steps: int
) -> list[Image.Image]:
    model.unet.set_attn_processor(AttnProcessor())
    images = []
    for request in requests:
        with _autocast(model.device):
            latent = _sample(model, request, condition, steps)
            pixels = model.decode(latent)[0]
        images.append(clamped(pixels.cpu()))
    return images


def _autocast(device: str) -> AbstractContextManager[object]:
    return torch.autocast("cuda", torch.float16) if device.startswith("cuda") else nullcontext()


def _sample(model: LatentModel, request: Request, condition: Condition, steps: int) -> Tensor:
    context, null = condition(request)
    contexts = torch.cat([context, null, null])
    frame = model.encode(model.pixels([request.input]))
    frames = torch.cat([frame, frame, torch.zeros_like(frame)])
    generator = torch_generator(request.seed)

    def noise() -> Tensor:
        return torch.randn(frame.shape[1:], generator=generator)[None].to(model.device)

    levels = sigmas(steps)
    x = noise() * levels[0]
    for sigma, following in pairwise(levels):
        scaled = torch.cat([x] * 3) / (sigma**2 + 1).sqrt()
        inputs = torch.cat([scaled, frames], dim=1)
        output = model.unet(inputs, time_of(sigma), encoder_hidden_states=contexts).sample
        both, image, neither = (x - sigma * output.float()).chunk(3)
        denoised = neither + TEXT_SCALE * (both - image) + IMAGE_SCALE * (image - neither)
        x = ancestral_step(x, denoised, sigma, following, noise() if following > 0 else None)
    return x
