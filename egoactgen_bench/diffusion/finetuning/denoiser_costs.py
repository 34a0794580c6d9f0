"""The plan of a denoiser's training: its parameters, memory and operations, without weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.diffusion.finetuning import starting_networks
from egoactgen_bench.diffusion.finetuning.full_size_networks import Configurations
from egoactgen_bench.diffusion.finetuning.resumable_loop import micro_batch
from egoactgen_bench.diffusion.finetuning.step_measurement import (
    activation_bytes,
    forward_operations,
)
from egoactgen_bench.diffusion.finetuning.training_options import FinetuningOptions
from egoactgen_bench.support.training_costs import (
    FLOAT32,
    HALF,
    OPTIMIZER,
    Memory,
    TrainingPlan,
    largest_fitting,
)

TOKENS = 77
# What a training can do that fits with no micro-batch, as the end of a sentence.
SMALLER = (
    "use -o optimizer=adamw8bit, whose moments take a quarter, or train low-rank updates with "
    "-o lora=16"
)
FORMATS = {"bfloat16": torch.bfloat16, "float16": torch.float16, "auto": torch.bfloat16}

# Sizes of a sample's features, name → (tokens, width), and the module that takes them, for a width
# of the text's embedding.
FeatureSizes = Mapping[str, tuple[int, int]]
ConditionerOf = Callable[[int], tuple[TextConditioner, FeatureSizes]]


@dataclass(frozen=True)
class DenoiserCosts:
    """What the networks of a training cost, for any micro-batch and number of processes."""

    trainable: int
    frozen: int
    cast: int  # bytes of the weights in 16 bits
    activations: int  # bytes per sample
    operations: int  # per sample, forward and backward
    options: FinetuningOptions

    def memory(self, micro_batch: int, processes: int) -> Memory:
        """On one of the devices."""
        trained = FLOAT32 * self.trainable
        return Memory(
            weights=trained + FLOAT32 * self.frozen,
            gradients=trained,
            optimizer=OPTIMIZER[self.options.optimizer] * self.trainable,
            average=trained if self.options.ema_decay else 0,
            exchange=trained if processes > 1 else 0,
            activations=self.cast + micro_batch * self.activations,
        )


def measure(
    found: Configurations, channels: int, conditioner_of: ConditionerOf, options: FinetuningOptions
) -> DenoiserCosts:
    """Build the networks on fake tensors, and count one sample's forward and backward pass."""
    half = FORMATS.get(options.precision)
    with torch.device("meta"):  # fake tensors support neither copies of layers nor adapters
        conditioner, sizes = conditioner_of(found.width)
        unet, text = found.build(channels, options.size)
        _freeze(unet, text, conditioner, options)
    with FakeTensorMode(allow_non_fake_inputs=True):
        networks = nn.ModuleList([unet, text, conditioner.train()]).to_empty(device="cpu")
        weights = list(networks.parameters())
        trained = [weight for weight in weights if weight.requires_grad]
        loss = _loss(unet, text, conditioner, sizes, options)
        repeated = forward_operations(loss)
        once = 0 if options.train_text else forward_operations(lambda: _embedded(text).sum())
        # Autocast keeps the casts of trained weights until the pass ends.
        cast = HALF * sum(map(Tensor.numel, trained)) if half else 0
        peak = activation_bytes(loss, weights, half)
    passes = 4 if options.gradient_checkpointing else 3  # backward: 2; recomputed: 1
    trainable = sum(map(Tensor.numel, trained))
    return DenoiserCosts(
        trainable,
        sum(map(Tensor.numel, weights)) - trainable,
        cast,
        max(peak - cast, 0),
        passes * (repeated - once) + once,
        options,
    )


def planned(
    costs: DenoiserCosts, networks: str, samples: int, processes: int, notes: tuple[str, ...] = ()
) -> TrainingPlan:
    """A training on so many samples; `memory` of the options lowers the micro-batch."""
    options = costs.options
    most = micro_batch(options.batch_size, options.micro_batch, processes)
    share = options.batch_size // processes
    size = largest_fitting(most, share, lambda each: costs.memory(each, processes), options.memory)
    return TrainingPlan(
        networks=networks,
        trainable=costs.trainable,
        frozen=costs.frozen,
        memory=costs.memory(size, processes),
        steps=options.iterations,
        batch_size=options.batch_size,
        micro_batch=size,
        processes=processes,
        samples=samples,
        operations=costs.operations,
        precision="bfloat16" if options.precision == "auto" else options.precision,
        notes=notes,
    )


def _freeze(unet: Any, text: Any, conditioner: nn.Module, options: FinetuningOptions) -> None:
    """As a training does."""
    unet.requires_grad_(not options.lora).train()
    if options.lora:
        starting_networks.adapt(unet, options.lora, seed=0)
    text.requires_grad_(options.train_text)
    conditioner.requires_grad_(getattr(options, "train_conditioner", True))
    if options.gradient_checkpointing:
        unet.enable_gradient_checkpointing()


def _embedded(text: Any) -> Tensor:
    states: Tensor = text(torch.zeros(1, TOKENS, dtype=torch.long)).last_hidden_state
    return states


def _loss(
    unet: Any,
    text: Any,
    conditioner: TextConditioner,
    sizes: FeatureSizes,
    options: FinetuningOptions,
) -> Callable[[], Tensor]:
    """The loss of one sample of zeros."""
    side = int(unet.config.sample_size)

    def loss() -> Tensor:
        with torch.set_grad_enabled(options.train_text and torch.is_grad_enabled()):
            prompt = _embedded(text)
        features = {name: torch.zeros(1, *size) for name, size in sizes.items()}
        context = conditioner(prompt, **features)
        latent = torch.zeros(1, unet.config.in_channels, side, side)
        time = torch.zeros(1, dtype=torch.long)
        predicted = unet(latent, time, encoder_hidden_states=context).sample
        squared: Tensor = predicted.float().square().mean()
        return squared

    return loss
