"""The loss of an editor's adapter: predict the velocity of the target's noisy latent."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from egoactgen_baselines.lora.editor_family import EditorFamily
from egoactgen_baselines.lora.encoded_samples import EncodedSamples
from egoactgen_baselines.lora.lora_options import LoraOptions
from egoactgen_bench.diffusion.finetuning.batch_loading import Batch
from egoactgen_bench.diffusion.finetuning.frame_latents import Pair
from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingTask

TEXT = "text "  # prefix of the names of embeddings


class FlowMatching(TrainingTask):
    """E ‖(ε − x) − v(z_σ, σ, frame, text)‖², rectified flow (arXiv 2403.03206, section 3.1).

    z_σ = (1 − σ) x + σ ε for the target's latent x, with σ drawn from a shifted logit-normal
    density. Tensors of a batch that differ in their shapes, as the frames of videos with other
    aspects do, enter the transformer separately.
    """

    def __init__(
        self,
        transformer: Any,
        family: EditorFamily,
        pairs: Sequence[Pair],
        encoded: EncodedSamples,
        options: LoraOptions,
        seed: int,
    ) -> None:
        super().__init__()
        self.transformer = transformer.train()
        self.family, self.pairs, self.encoded = family, pairs, encoded
        self.options, self.seed = options, seed
        if options.gradient_checkpointing:
            transformer.enable_gradient_checkpointing()

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, draws: Sequence[SampleDraw]) -> Batch:
        groups: dict[Any, list[Batch]] = defaultdict(list)
        for draw in draws:
            sample = self._sample(draw)
            groups[tuple(tensor.shape for tensor in sample.values())].append(sample)
        return {
            f"{number} {name}": torch.stack([sample[name] for sample in samples])
            for number, samples in enumerate(groups.values())
            for name in samples[0]
        }

    def _sample(self, draw: SampleDraw) -> Batch:
        """The tensors of one sample: the transformer's inputs and the velocity to be learnt."""
        pair = self.pairs[draw.sample]
        generator = draw.generator(self.seed, pair.sample_id)
        encoded = self.encoded.read(pair)
        clean = encoded.pop("target").float()
        time = self._time(generator)
        noise = torch.randn(clean.shape, generator=generator)
        noisy = (1 - time) * clean + time * noise
        return {"noisy": noisy, "velocity": noise - clean, "time": torch.tensor(time)} | encoded

    def _time(self, generator: torch.Generator) -> float:
        """σ of a sample."""
        chosen = self.options
        if chosen.times == "uniform":
            time = float(torch.rand((), generator=generator))
        else:
            normal = float(torch.randn((), generator=generator))
            time = 1 / (1 + math.exp(-chosen.logit_mean - chosen.logit_deviation * normal))
        return chosen.shift * time / (1 + (chosen.shift - 1) * time)

    def forward(self, batch: Batch) -> Tensor:
        groups: dict[str, Batch] = defaultdict(dict)
        for key, tensor in batch.items():
            number, _, name = key.partition(" ")
            groups[number][name] = tensor
        losses = [self._loss(group) * len(group["time"]) for group in groups.values()]
        return torch.stack(losses).sum() / sum(len(group["time"]) for group in groups.values())

    def _loss(self, group: Batch) -> Tensor:
        """The mean loss of samples whose tensors have the same shapes."""
        texts = {
            name.removeprefix(TEXT): tensor
            for name, tensor in group.items()
            if name.startswith(TEXT)
        }
        predicted = self.family.predict(
            self.transformer,
            group["noisy"],
            group["frame"],
            group["time"],
            texts,
            self.options.guidance,
        )
        # Under autocast the prediction is bfloat16, whose squares have only two digits.
        return F.mse_loss(predicted.float(), group["velocity"])
