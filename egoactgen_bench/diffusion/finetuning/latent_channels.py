"""The latent channels of a trained autoencoder, brought into the form that diffusion expects."""

from typing import Any

import torch
from torch import Tensor

MEASURED = 256  # images from which the latents' mean and variance are computed
# Standard deviation of a channel's noise, as a multiple of its means', from which it says nothing
# (0.2 bits per position). The KL term makes such channels: the decoder ignores them, and a
# denoiser would have to learn their noise.
COLLAPSED = 2.0


@torch.no_grad()
def standardise(vae: Any, images: Tensor) -> None:
    """Give each latent channel mean 0 and variance 1 over `images`, as diffusion expects.

    `images`: (N, 3, H, W) in [0, 255]. The layers before and after the latents compensate for each
    other, so that decoded images stay the same and latents need no scale: those of the input frame
    are not scaled (InstructPix2Pix).
    """
    found, _ = _posterior(vae, images)
    mean, deviation = found.mean((0, 2, 3)), found.std((0, 2, 3))
    means, spreads = slice(len(mean)), slice(len(mean), None)
    before, after = vae.quant_conv, vae.post_quant_conv
    before.weight[means] /= deviation[:, None, None, None]
    before.bias[means] = (before.bias[means] - mean) / deviation
    before.bias[spreads] -= 2 * deviation.log()
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= deviation[None, :, None, None]
    vae.register_to_config(scaling_factor=1.0)


@torch.no_grad()
def without_collapsed(vae: Any, images: Tensor) -> Any:
    """A standardised autoencoder without its channels that are only noise; itself if it has none.

    `images` as for `standardise`. Decoded images stay the same, up to what the removed channels
    contribute and, if those have a bias, up to the border of the latents.
    """
    _, noise = _posterior(vae, images)
    kept = torch.nonzero(noise.mean((0, 2, 3)) < COLLAPSED)[:, 0]
    if len(kept) in (0, noise.shape[1]):  # none: too little is learnt to know
        return vae
    return _with_channels(vae, kept)


def _with_channels(vae: Any, kept: Tensor) -> Any:
    """A copy with the latent channels `kept`; 1 × 1 convolutions merge with those next to them."""
    from diffusers import AutoencoderKL

    count = len(kept)
    new = AutoencoderKL.from_config({**vae.config, "latent_channels": count}).to(vae.device)
    state = vae.state_dict()
    rows = torch.cat([kept, kept + vae.config.latent_channels])  # means, then log variances
    inner = vae.quant_conv.weight[rows, :, 0, 0]
    state["encoder.conv_out.weight"] = torch.einsum(
        "km,mcij->kcij", inner, vae.encoder.conv_out.weight
    )
    state["encoder.conv_out.bias"] = inner @ vae.encoder.conv_out.bias + vae.quant_conv.bias[rows]
    outer, bias = vae.post_quant_conv.weight[:, kept, 0, 0], vae.post_quant_conv.bias
    # The bias as values of the kept channels, as far as they can express it: a convolution's
    # border is padded with zeros after it.
    inside = torch.linalg.lstsq(outer.cpu(), bias.cpu()[:, None]).solution[:, 0].to(bias.device)
    first = vae.decoder.conv_in
    state["decoder.conv_in.weight"] = torch.einsum("omij,mk->okij", first.weight, outer)
    state["decoder.conv_in.bias"] = first.bias + torch.einsum(
        "omij,m->o", first.weight, bias - outer @ inside
    )
    state["quant_conv.weight"] = _identity(2 * count)
    state["quant_conv.bias"] = torch.zeros(2 * count)
    state["post_quant_conv.weight"], state["post_quant_conv.bias"] = _identity(count), inside
    new.load_state_dict(state)
    return new


def _identity(channels: int) -> Tensor:
    """The weight of a 1 × 1 convolution that changes nothing."""
    return torch.eye(channels)[:, :, None, None]


def _posterior(vae: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations of the latents of some of the images."""
    chosen = images[:: -(-len(images) // MEASURED)]
    found = [
        vae.encode(part.to(vae.device)).latent_dist for part in torch.split(chosen / 127.5 - 1, 16)
    ]
    return torch.cat([each.mean for each in found]), torch.cat([each.std for each in found])
