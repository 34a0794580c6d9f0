"""The denoisers' loss: predict the noise in a latent, given a text and the input frame."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from egoactgen_bench.diffusion.denoiser import noise_schedule
from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_bench.diffusion.denoiser.prediction import target
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.diffusion.finetuning import starting_networks
from egoactgen_bench.diffusion.finetuning.frame_latents import Latents, Pair
from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw
from egoactgen_bench.diffusion.finetuning.training_loop import Batch, TrainingTask
from egoactgen_bench.diffusion.finetuning.training_options import FinetuningOptions

Features = dict[str, Tensor]
FEATURE = "feature "  # prefix of features' keys in a batch, as their names are arbitrary


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
        latents: Latents,
        features_of: Callable[[str], Features],
        options: FinetuningOptions,
        seed: int,
    ) -> None:
        super().__init__()
        self.unet, self.text_encoder, self.conditioner = model.unet, model.text_encoder, conditioner
        self.model, self.pairs, self.latents, self.features_of = model, pairs, latents, features_of
        self.options, self.seed = options, seed
        self.scale = float(model.vae.config.scaling_factor)
        self.edits = model.unet.config.in_channels > model.vae.config.latent_channels
        kept = noise_schedule.alphas_cumprod()
        self.signal, self.noise = kept.sqrt().float(), (1 - kept).sqrt().float()
        self.sigmas = noise_schedule.training_sigmas().float()
        self.unet.requires_grad_(not options.lora).train()
        if options.lora:
            starting_networks.adapt(self.unet, options.lora, seed)
        self.text_encoder.requires_grad_(options.train_text).train(options.train_text)
        if options.gradient_checkpointing:
            self.unet.enable_gradient_checkpointing()

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, draws: Sequence[SampleDraw]) -> Batch:
        samples = [self._sample(draw) for draw in draws]
        prompts = [
            "" if sample["drop_text"] else self.pairs[draw.sample].prompt
            for draw, sample in zip(draws, samples, strict=True)
        ]
        batch = {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}
        return batch | {"tokens": self.model.tokens(prompts)}

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
        clean = (mean + deviation * spread) * self.scale
        latent = self.signal[time] * clean + self.noise[time] * noise
        p = self.options.conditioning_dropout
        if self.edits:
            context = self.latents.read(pair.input, mirrored)[0]
            latent = torch.cat([latent, context * (not p <= u < 3 * p)])
        return {
            "latent": latent,
            "target": target(self.model.prediction, clean, noise, self.sigmas[time]),
            "time": time,
            "drop_text": torch.tensor(u < 2 * p),
            "dropout_seed": torch.randint(2**62, (), generator=generator),
            **{FEATURE + name: value for name, value in self.features_of(pair.sample_id).items()},
        }

    def forward(self, batch: Batch) -> Tensor:
        prompt = self._embed(batch["tokens"])
        features = {name: batch[FEATURE + name] for name in self.conditioner.takes}
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
