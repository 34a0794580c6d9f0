"""What a UNet predicts of a noisy latent, and its conversion to predicted noise.

x_t = √ᾱ x_0 + √(1 − ᾱ) ε; a UNet predicts ε ("epsilon"), x_0 ("sample") or √ᾱ ε − √(1 − ᾱ) x_0
("v_prediction", arXiv 2202.00512). The names are diffusers'.
"""

from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from egoactgen_bench.diffusion.denoiser.noise_schedule import sigma_of
from egoactgen_bench.diffusion.denoiser.scheduler_config import check_schedule, read_config
from egoactgen_bench.errors import BenchError

Prediction = Literal["epsilon", "sample", "v_prediction"]


def read_prediction(folder: Path) -> Prediction:
    """The prediction type in a weights folder's scheduler configuration; default "epsilon".

    Raises `BenchError` for an unknown type, and for weights trained with another noise schedule
    than Stable Diffusion's: their images would be wrong, without an error.
    """
    path = folder / "scheduler" / "scheduler_config.json"
    config = read_config(path) if path.is_file() else {}
    check_schedule(path, config)
    name = config.get("prediction_type", "epsilon")
    known: tuple[Prediction, ...] = get_args(Prediction)
    for prediction in known:
        if name == prediction:
            return prediction
    raise BenchError(f"{path}: unknown prediction_type {name!r}, expected {', '.join(known)}.")


def target(prediction: Prediction, clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """The training target at noise level σ = √((1 − ᾱ) / ᾱ)."""
    if prediction == "epsilon":
        return noise
    if prediction == "sample":
        return clean
    return (noise - sigma * clean) / (sigma**2 + 1).sqrt()


def to_noise(prediction: Prediction, output: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
    """The predicted ε, from the UNet's `output` for x_t = `noisy`."""
    if prediction == "epsilon":
        return output
    scale = (sigma**2 + 1).sqrt()
    if prediction == "sample":
        return (scale * noisy - output) / sigma
    return (output + sigma * noisy) / scale


def predict_noise(unet: Any, prediction: Prediction) -> None:
    """Make a loaded `unet` with any prediction type return ε, by a forward hook."""
    if prediction == "epsilon":
        return

    def convert(_: Any, inputs: tuple[Tensor, Tensor], result: Any) -> Any:
        noisy, time = inputs
        # The conversion divides a difference by σ, which is small at the end.
        output = result.sample.float()
        sigma = sigma_of(torch.as_tensor(time, device=output.device)).view(-1, 1, 1, 1)
        noise = to_noise(prediction, output, noisy[:, : output.shape[1]].float(), sigma)
        result.sample = noise.to(result.sample.dtype)
        return result

    unet.register_forward_hook(convert)
