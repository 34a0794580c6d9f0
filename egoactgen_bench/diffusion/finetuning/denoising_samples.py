"""The samples of a denoiser's training: what is read and drawn for each, without any network."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import parent_process
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from egoactgen_bench.diffusion.denoiser import noise_schedule
from egoactgen_bench.diffusion.denoiser.latent_model import prompt_tokens
from egoactgen_bench.diffusion.denoiser.prediction import Prediction, target
from egoactgen_bench.diffusion.finetuning.batch_loading import Batch
from egoactgen_bench.diffusion.finetuning.frame_latents import Frame, Pair
from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw
from egoactgen_bench.diffusion.finetuning.training_options import FinetuningOptions

Features = dict[str, Tensor]
FEATURE = "feature "  # prefix of features' keys in a batch, as their names are arbitrary


class FeatureSource(Protocol):
    """The conditioner's inputs for a sample, apart from its prompt, by name.

    A source for other processes can be pickled; others compute on the training's device.
    """

    @property
    def in_workers(self) -> bool:
        """Whether other processes can read it."""

    def __call__(self, sample_id: str) -> Features:
        """(tokens, width) of any floating-point type, by name."""


@dataclass(frozen=True)
class NoFeatures:
    """The features of a conditioning on the prompt alone."""

    in_workers: ClassVar[bool] = True

    def __call__(self, sample_id: str) -> Features:
        return {}


class LatentSource(Protocol):
    """Stored posteriors of frames."""

    def read(self, frame: Frame, mirrored: bool) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, each (C, h, w) float32."""


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of one shape as (B, …); of different types, as float32."""
    if len({tensor.dtype for tensor in tensors}) > 1:
        tensors = [tensor.float() for tensor in tensors]
    first = tensors[0]
    together = torch.empty(len(tensors), *first.shape, dtype=first.dtype)
    if parent_process() is not None:  # a worker's, which is then sent without another copy
        together.share_memory_()  # type: ignore[no-untyped-call]
    return torch.stack(list(tensors), out=together)


@cache
def _levels() -> tuple[Tensor, Tensor, Tensor]:
    """√ᾱ_t, √(1 − ᾱ_t) and σ_t of all steps, float32."""
    kept = noise_schedule.alphas_cumprod()
    sigmas = noise_schedule.training_sigmas()
    return kept.sqrt().float(), (1 - kept).sqrt().float(), sigmas.float()


@dataclass(frozen=True)
class DenoisingSamples:
    """The UNet's inputs and its target for each drawn sample.

    `scale` is that of latents; with `edits`, the UNet sees the input frame.
    """

    pairs: Sequence[Pair]
    latents: LatentSource
    features: FeatureSource
    options: FinetuningOptions
    seed: int
    tokenizer: Any
    prediction: Prediction
    scale: float
    edits: bool

    def __call__(self, draws: Sequence[SampleDraw]) -> Batch:
        samples = [self._sample(draw) for draw in draws]
        prompts = [
            "" if sample["drop_text"] else self.pairs[draw.sample].prompt
            for draw, sample in zip(draws, samples, strict=True)
        ]
        batch = {key: stacked([sample[key] for sample in samples]) for key in samples[0]}
        return batch | {"tokens": prompt_tokens(self.tokenizer, prompts)}

    def _sample(self, draw: SampleDraw) -> Batch:
        """The tensors of one sample: the UNet's inputs and the prediction that it should learn."""
        pair = self.pairs[draw.sample]
        generator = draw.generator(self.seed, pair.sample_id)
        # `u` is that of the option `conditioning_dropout`.
        u, flip = torch.rand(2, generator=generator).tolist()
        mirrored = flip < self.options.flip
        mean, deviation = self.latents.read(pair.target, mirrored)
        time = noise_schedule.shifted(
            torch.randint(noise_schedule.STEPS, (), generator=generator), self.options.shift
        )
        noise, spread = torch.randn(2, *mean.shape, generator=generator)
        signal, noisiness, sigma = (levels[time] for levels in _levels())
        clean = (mean + deviation * spread) * self.scale
        latent = signal * clean + noisiness * noise
        p = self.options.conditioning_dropout
        if self.edits:
            context = self.latents.read(pair.input, mirrored)[0]
            latent = torch.cat([latent, context * (not p <= u < 3 * p)])
        return {
            "latent": latent,
            "target": target(self.prediction, clean, noise, sigma),
            "time": time,
            "drop_text": torch.tensor(u < 2 * p),
            "dropout_seed": torch.randint(2**62, (), generator=generator),
            **{FEATURE + name: value for name, value in self.features(pair.sample_id).items()},
        }
