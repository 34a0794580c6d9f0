"""From noise to a frame's latent: three-way guidance and Euler ancestral steps."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from baselines.denoiser.attention import Prepared, prepare
from baselines.denoiser.schedule import ancestral_step, sigmas, time_of

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
    context, null = context.to(unet.dtype), null.to(unet.dtype)
    if text_scale == image_scale == 1:  # what the formula leaves then is a third of the work
        prepared = prepare(unet, context, context[:1], nulls=0)
        return _denoiser(unet, prepared, 1, lambda full: full, image)

    def combined(full: Tensor, picture: Tensor, empty: Tensor) -> Tensor:
        return empty + text_scale * (full - picture) + image_scale * (picture - empty)

    images = torch.cat([image, image, torch.zeros_like(image)])
    prepared = prepare(unet, context, null, nulls=2 * len(image))
    return _denoiser(unet, prepared, 3, combined, images)


def text_guided(unet: Any, context: Tensor, null: Tensor, scale: float) -> Denoise:
    """The denoiser of a text-to-image UNet, guided by text (arXiv 2207.12598), in one UNet call.

    `context`: (B, L, width); `null`: (1, L, width). It forms x_0(∅) + s (x_0(C) − x_0(∅)).
    """
    prepared = prepare(unet, context.to(unet.dtype), null.to(unet.dtype), nulls=len(context))
    return _denoiser(unet, prepared, 2, lambda full, empty: empty + scale * (full - empty))


def _denoiser(
    unet: Any,
    prepared: Prepared,
    parts: int,
    combine: Callable[..., Tensor],
    images: Tensor | None = None,
) -> Denoise:
    """x_0 by the noise that `combine` makes of `parts` conditionings, all in one UNet call.

    `images`: (parts · B, C, h, w) latents for a UNet that takes them beside the noisy ones.
    """

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        inputs = (x / (sigma**2 + 1).sqrt()).repeat(parts, 1, 1, 1)
        if images is not None:
            inputs = torch.cat([inputs, images], dim=1)
        inputs = inputs.to(unet.dtype)
        noise = unet(inputs, time_of(sigma), encoder_hidden_states=prepared).sample.float()
        return x - sigma * combine(*noise.chunk(parts))

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
