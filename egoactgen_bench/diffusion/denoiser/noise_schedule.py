"""Stable Diffusion's noise schedule in k-diffusion's parametrisation (arXiv 2206.00364).

A latent at noise level σ is x = x_0 + σ·ε; t is the index of σ among the 1000 training steps.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

STEPS, BETA_START, BETA_END = 1000, 0.00085, 0.012


def alphas_cumprod() -> Tensor:
    """(1000,) float64: ᾱ of each training step; √β increases linearly."""
    # float64: in float32, 1 − ᾱ of the first steps keeps four digits.
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0)


def training_sigmas() -> Tensor:
    """(1000,) float64, increasing: σ = √((1 − ᾱ) / ᾱ) of each training step."""
    kept = alphas_cumprod()
    return ((1 - kept) / kept).sqrt()


def sigmas(steps: int) -> Tensor:
    """(steps + 1,) float32: decreasing from 14.6146, evenly spaced in t; the last is 0."""
    logs = training_sigmas().log()
    times = torch.linspace(STEPS - 1, 0, steps, dtype=torch.float64)
    below = times.floor().long()
    above = times.ceil().long()
    values = torch.lerp(logs[below], logs[above], times.frac()).exp()
    return torch.cat([values, values.new_zeros(1)]).float()


def time_of(sigma: Tensor) -> Tensor:
    """t in [0, 999] of each σ, interpolated in log σ."""
    logs = _log_sigmas(sigma.device)
    log = sigma.double().log()
    below = (torch.searchsorted(logs, log, right=True) - 1).clamp(0, STEPS - 2)
    share = ((log - logs[below]) / (logs[below + 1] - logs[below])).clamp(0, 1)
    return (below + share).to(sigma.dtype)


def sigma_of(time: Tensor) -> Tensor:
    """σ of each t in [0, 999], float32: the inverse of `time_of`."""
    logs = _log_sigmas(time.device)
    below = time.double().floor().long().clamp(0, STEPS - 2)
    # Not logs[below], for which a GPU's scalar `below` is read by the host in each step.
    ends = logs.take(below), logs.take(below + 1)
    return torch.lerp(*ends, time.double() - below).exp().float()


@cache
def _log_sigmas(device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # training may use the cached tensor, too
        return training_sigmas().log().to(device)


def shifted(time: Tensor, shift: float) -> Tensor:
    """An integer t in [0, 999], shifted towards noise if `shift` > 1 (arXiv 2403.03206, eq. 23)."""
    # The middle of a step's interval, so that no t leaves 0 … 999.
    share = (time.double() + 0.5) / STEPS
    return (STEPS * shift * share / (1 + (shift - 1) * share)).floor().long()


def ancestral_split(sigma: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
    """(σ_down, σ_up) of a step σ → σ': denoise to σ_down, then add noise of σ_up (η = 1)."""
    # Rounded above σ', it would make σ_down the root of a negative number.
    up = (following**2 * (sigma**2 - following**2) / sigma**2).sqrt().minimum(following)
    return (following**2 - up**2).sqrt(), up


def ancestral_step(
    x: Tensor, denoised: Tensor, sigma: Tensor, following: Tensor, noise: Tensor | None
) -> Tensor:
    """One Euler step from σ towards the denoised x_0, plus new `noise` (None at the last step)."""
    down, up = ancestral_split(sigma, following)
    x = x + (x - denoised) / sigma * (down - sigma)
    return x if noise is None else x + noise * up


def save_scheduler(folder: Path, prediction: str = "epsilon") -> None:
    """Write the schedule as a configuration of diffusers' scheduler."""
    from diffusers import EulerAncestralDiscreteScheduler

    EulerAncestralDiscreteScheduler(
        num_train_timesteps=STEPS,
        beta_start=BETA_START,
        beta_end=BETA_END,
        beta_schedule="scaled_linear",
        timestep_spacing="linspace",
        steps_offset=0,
        prediction_type=prediction,
    ).save_pretrained(folder)
