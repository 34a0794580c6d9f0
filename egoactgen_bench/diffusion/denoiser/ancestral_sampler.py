"""From noise to an image latent: classifier-free guidance and Euler ancestral steps."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.diffusion.denoiser.cached_attention import prepare
from egoactgen_bench.diffusion.denoiser.noise_schedule import ancestral_step, sigmas, time_of

Denoise = Callable[[Tensor, Tensor], Tensor]  # x (B, C, h, w), scalar σ → denoised x_0


def guided(
    unet: Any,
    image: Tensor,
    context: Tensor,
    null: Tensor,
    text_scale: float = 7.5,
    image_scale: float = 1.5,
) -> Denoise:
    """The guided denoiser of InstructPix2Pix (arXiv 2211.09800, equation 3), in one UNet call.

    `image`: (B, C, h, w) latent of X; `context`: (B, L, width); `null`: (1, L, width). It computes
    x_0(∅,∅) + s_T (x_0(X,C) − x_0(X,∅)) + s_I (x_0(X,∅) − x_0(∅,∅)), equivalent to equation 3.
    """
    # (weight, image latent) of the terms without text; those with weight 0 are not computed.
    terms = [(image_scale - text_scale, image), (1 - image_scale, torch.zeros_like(image))]
    terms = [(weight, latent) for weight, latent in terms if weight]
    weights = [text_scale, *(weight for weight, _ in terms)]
    images = torch.cat([image, *(latent for _, latent in terms)])
    return _denoiser(unet, context, null, weights, images)


def text_guided(unet: Any, context: Tensor, null: Tensor, scale: float) -> Denoise:
    """The denoiser of a text-to-image UNet, guided by text (arXiv 2207.12598), in one UNet call.

    `context`: (B, L, width); `null`: (1, L, width). It computes x_0(∅) + s (x_0(C) − x_0(∅)).
    """
    return _denoiser(unet, context, null, [scale, 1 - scale] if scale != 1 else [scale])


def _denoiser(
    unet: Any,
    context: Tensor,
    null: Tensor,
    weights: Sequence[float],
    images: Tensor | None = None,
) -> Denoise:
    """x_0 from a weighted sum of noise predictions, all from one UNet call.

    The first prediction is conditioned on `context` (B, L, width), the others on `null`. `images`:
    (B · len(weights), C, h, w), for a UNet that is also conditioned on image latents.
    """
    nulls = (len(weights) - 1) * len(context)
    prepared = prepare(unet, context.to(unet.dtype), null.to(unet.dtype), nulls)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        # The UNet was trained on √ᾱ x_0 + √(1 − ᾱ) ε, which is x / √(σ² + 1).
        inputs = (x / (sigma**2 + 1).sqrt()).repeat(len(weights), 1, 1, 1)
        if images is not None:
            inputs = torch.cat([inputs, images], dim=1)
        output = unet(inputs.to(unet.dtype), time_of(sigma), encoder_hidden_states=prepared)
        # Guidance takes differences of nearly equal predictions: half precision would leave few
        # digits.
        noises = output.sample.float().chunk(len(weights))
        denoised: Tensor = x - sigma * sum(w * n for w, n in zip(weights, noises, strict=True))
        return denoised

    return denoise


# Ours, not diffusers' EulerAncestralDiscreteScheduler: that interpolates σ between training steps
# linearly, where k-diffusion, which LEGO samples with, interpolates log σ; and it is made for one
# generator per batch, so that a sample's noise would depend on its neighbours.
def ancestral_sample(
    denoise: Denoise,
    steps: int,
    draw: Callable[[], Tensor],
    origin: Tensor | None = None,
    strength: float = 1.0,
) -> Tensor:
    """The (B, C, h, w) latent after Euler ancestral steps.

    `draw` returns standard normal noise of that shape; it is called once for the start and once
    after each step but the last. With a `strength` below 1 only the last ⌊`strength` · `steps`⌋
    steps of the schedule are taken, starting from the latent `origin` (default: zeros) plus noise.
    """
    levels = sigmas(steps)[steps - steps_of(strength, steps) :]
    x = draw() * levels[0]
    if origin is not None:
        x = origin + x
    for sigma, following in pairwise(levels):
        denoised = denoise(x, sigma)
        fresh = draw() if following > 0 else None
        x = ancestral_step(x, denoised, sigma, following, fresh)
    return x


def steps_of(strength: float, steps: int) -> int:
    """⌊`strength` · `steps`⌋, the number of steps that are taken."""
    # 0.29 · 100 is 28.999999999999996 in floats.
    return int(strength * steps + 1e-6)


def noise_source(
    generators: Sequence[torch.Generator], shape: Sequence[int], device: str
) -> Callable[[], Tensor]:
    """A function that draws standard normal noise (B, *shape), by one CPU generator per sample."""

    def draw() -> Tensor:
        # One sample at a time, on the CPU: the same noise in any batch and on any device.
        drawn = [torch.randn(*shape, generator=generator) for generator in generators]
        return torch.stack(drawn).to(device)

    return draw
