"""From noise to a frame's latent: three-way guidance and Euler ancestral steps."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.diffusion.denoiser.cached_attention import prepare
from egoactgen_bench.diffusion.denoiser.noise_schedule import ancestral_step, sigmas, time_of

Denoise = Callable[[Tensor, Tensor], Tensor]  # (B, C, h, w) at a scalar σ → the denoised x_0


def guided(
    unet: Any,
    image: Tensor,
    context: Tensor,
    null: Tensor,
    text_scale: float = 7.5,
    image_scale: float = 1.5,
) -> Denoise:
    """The guided denoiser of InstructPix2Pix (arXiv 2211.09800, equation 3), in one UNet call.

    `image`: (B, C, h, w) latent of X; `context`: (B, L, width); `null`: (1, L, width). It forms
    x_0(∅,∅) + s_T (x_0(X,C) − x_0(X,∅)) + s_I (x_0(X,∅) − x_0(∅,∅)): equal to the formula on ε.
    """
    without = {"picture": image_scale - text_scale, "empty": 1 - image_scale}
    images = {"picture": image, "empty": torch.zeros_like(image)}
    needed = [name for name, weight in without.items() if weight]
    return _denoiser(
        unet,
        context,
        null,
        [text_scale, *(without[name] for name in needed)],
        torch.cat([image, *(images[name] for name in needed)]),
    )


def text_guided(unet: Any, context: Tensor, null: Tensor, scale: float) -> Denoise:
    """The denoiser of a text-to-image UNet, guided by text (arXiv 2207.12598), in one UNet call.

    `context`: (B, L, width); `null`: (1, L, width). It forms x_0(∅) + s (x_0(C) − x_0(∅)).
    """
    return _denoiser(unet, context, null, [scale, 1 - scale] if scale != 1 else [scale])


def _denoiser(
    unet: Any,
    context: Tensor,
    null: Tensor,
    weights: Sequence[float],
    images: Tensor | None = None,
) -> Denoise:
    """x_0 by a weighted sum of noises, all said in one UNet call.

    The first is said of the `context`, (B, L, width), the others of `null`; callers leave out what
    has no weight. `images`: (B · weights, C, h, w), for a UNet that takes them beside the latents.
    """
    nulls = (len(weights) - 1) * len(context)
    prepared = prepare(unet, context.to(unet.dtype), null.to(unet.dtype), nulls)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        inputs = (x / (sigma**2 + 1).sqrt()).repeat(len(weights), 1, 1, 1)
        if images is not None:
            inputs = torch.cat([inputs, images], dim=1)
        said = unet(inputs.to(unet.dtype), time_of(sigma), encoder_hidden_states=prepared)
        noises = said.sample.float().chunk(len(weights))
        return x - sigma * sum(w * noise for w, noise in zip(weights, noises, strict=True))

    return denoise


def ancestral_sample(
    denoise: Denoise,
    steps: int,
    draw: Callable[[], Tensor],
    origin: Tensor | None = None,
    strength: float = 1.0,
) -> Tensor:
    """The (B, C, h, w) latent after Euler ancestral steps.

    `draw` gives standard normal noise of that shape: first to start from, then once after each step
    but the last. Of the schedule's `steps` the last ⌊`strength` · `steps`⌋ are taken, from the
    latent `origin` (zeros where there is none) with noise of their first level.
    """
    levels = sigmas(steps)[steps - int(strength * steps + 1e-6) :]
    x = draw() * levels[0]
    if origin is not None:
        x = origin + x
    for sigma, following in pairwise(levels):
        denoised = denoise(x, sigma)
        fresh = draw() if following > 0 else None
        x = ancestral_step(x, denoised, sigma, following, fresh)
    return x


def drawing(
    generators: Sequence[torch.Generator], shape: Sequence[int], device: str
) -> Callable[[], Tensor]:
    """Standard normal noise (B, *shape), each sample's from its own generator on the CPU."""

    def draw() -> Tensor:
        drawn = [torch.randn(*shape, generator=generator) for generator in generators]
        return torch.stack(drawn).to(device)

    return draw
