"""The denoisers' loss: predict the noise in a latent, given a text and the input frame."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.diffusion.finetuning import starting_networks
from egoactgen_bench.diffusion.finetuning.batch_loading import Batch, MakeBatch
from egoactgen_bench.diffusion.finetuning.denoising_samples import (
    FEATURE,
    DenoisingSamples,
    FeatureSource,
    LatentSource,
)
from egoactgen_bench.diffusion.finetuning.frame_latents import Pair
from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingTask
from egoactgen_bench.diffusion.finetuning.training_options import FinetuningOptions


class Denoising(TrainingTask):
    """E ‖ε − ε_θ(z_t, t, E(X), C)‖², InstructPix2Pix' equation 1 (arXiv 2211.09800).

    z_t = √ᾱ_t z + √(1 − ᾱ_t) ε for the target's scaled latent z, drawn from its posterior, and t
    uniform over the 1000 steps, unless it is shifted. The input's latent is its posterior's mode,
    not scaled. A UNet with another prediction type learns that instead of ε.
    """

    def __init__(
        self,
        model: LatentModel,
        conditioner: TextConditioner,
        pairs: Sequence[Pair],
        latents: LatentSource,
        features: FeatureSource,
        options: FinetuningOptions,
        seed: int,
    ) -> None:
        super().__init__()
        self.unet, self.text_encoder, self.conditioner = model.unet, model.text_encoder, conditioner
        self.options = options
        self.samples = DenoisingSamples(
            pairs,
            latents,
            features,
            options,
            seed,
            model.tokenizer,
            model.prediction,
            scale=float(model.vae.config.scaling_factor),
            edits=model.unet.config.in_channels > model.vae.config.latent_channels,
        )
        self.unet.requires_grad_(not options.lora).train()
        if options.lora:
            starting_networks.adapt(self.unet, options.lora, seed)
        self.text_encoder.requires_grad_(options.train_text).train(options.train_text)
        if options.gradient_checkpointing:
            self.unet.enable_gradient_checkpointing()

    def __len__(self) -> int:
        return len(self.samples.pairs)

    def batch(self, draws: Sequence[SampleDraw]) -> Batch:
        return self.samples(draws)

    def picklable(self) -> MakeBatch | None:
        return self.samples if self.samples.features.in_workers else None

    def forward(self, batch: Batch) -> Tensor:
        prompt = self._embed(batch["tokens"])
        # Sent in the type in which they are stored: 16 bits take half as long.
        features = {name: batch[FEATURE + name].float() for name in self.conditioner.takes}
        context = self.conditioner(prompt, seeds=batch["dropout_seed"], **features)
        drop = batch["drop_text"][:, None, None]
        context = torch.where(drop, self.conditioner.null(prompt), context)
        predicted = self.unet(batch["latent"], batch["time"], encoder_hidden_states=context).sample
        # Under autocast the prediction is bfloat16, whose squares have only two digits.
        loss: Tensor = F.mse_loss(predicted.float(), batch["target"])
        return loss

    def _embed(self, tokens: Tensor) -> Tensor:
        """ψ: (B, 77, width); in float32 as at generation, unless it is trained."""
        if self.options.train_text:
            return self._last_hidden(tokens)
        with torch.no_grad(), torch.autocast(tokens.device.type, enabled=False):
            return self._last_hidden(tokens)

    def _last_hidden(self, tokens: Tensor) -> Tensor:
        states: Tensor = self.text_encoder(tokens).last_hidden_state
        return states
