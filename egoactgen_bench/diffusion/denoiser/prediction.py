"""What a UNet was trained to say of a noisy latent, and the noise that follows from it.

x_t = √ᾱ x_0 + √(1 − ᾱ) ε; a UNet says ε, x_0 ("sample"), or √ᾱ ε − √(1 − ᾱ) x_0 ("v_prediction",
arXiv 2202.00512). The names are diffusers'.
"""

from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from egoactgen_bench.diffusion.denoiser.noise_schedule import sigma_of
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json

Prediction = Literal["epsilon", "sample", "v_prediction"]


def read_prediction(folder: Path) -> Prediction:
    """What the UNet of a weights folder says, by its scheduler's configuration."""
    path = folder / "scheduler" / "scheduler_config.json"
    told = read_json(path).get("prediction_type", "epsilon") if path.is_file() else "epsilon"
    known: tuple[Prediction, ...] = get_args(Prediction)
    for prediction in known:
        if told == prediction:
            return prediction
    raise BenchError(f"{path}: prediction_type is {told!r}, wanted one of {', '.join(known)}.")


def target(prediction: Prediction, clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """What is to be said at noise level σ = √((1 − ᾱ) / ᾱ)."""
    if prediction == "epsilon":
        return noise
    if prediction == "sample":
        return clean
    return (noise - sigma * clean) / (sigma**2 + 1).sqrt()


def noise_in(prediction: Prediction, said: Tensor, seen: Tensor, sigma: Tensor) -> Tensor:
    """ε, from what is said of x_t = `seen`."""
    if prediction == "epsilon":
        return said
    scale = (sigma**2 + 1).sqrt()
    if prediction == "sample":
        return (scale * seen - said) / sigma
    return (said + sigma * seen) / scale


def predict_noise(unet: Any, prediction: Prediction) -> None:
    """Let a loaded `unet` answer ε, whatever it was trained to say."""
    if prediction == "epsilon":
        return

    def convert(_: Any, inputs: tuple[Tensor, Tensor], answer: Any) -> Any:
        seen, time = inputs
        said = answer.sample.float()
        sigma = sigma_of(torch.as_tensor(time, device=said.device)).view(-1, 1, 1, 1)
        noise = noise_in(prediction, said, seen[:, : said.shape[1]].float(), sigma)
        answer.sample = noise.to(answer.sample.dtype)
        return answer

    unet.register_forward_hook(convert)
