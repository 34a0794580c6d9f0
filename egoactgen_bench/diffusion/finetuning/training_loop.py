"""The training loop of every denoiser and of the toy's autoencoder.

Under torchrun or accelerate, each process computes its part of every batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from egoactgen_bench.api.trainer import TrainingContext
from egoactgen_bench.diffusion.finetuning import training_checkpoints
from egoactgen_bench.diffusion.finetuning.batch_loading import (
    Batch,
    MakeBatch,
    in_thread,
    in_workers,
    worker_count,
)
from egoactgen_bench.diffusion.finetuning.device_precision import tensor_float32
from egoactgen_bench.diffusion.finetuning.loss_curve import Curve
from egoactgen_bench.diffusion.finetuning.resumable_loop import ResumableLoop
from egoactgen_bench.diffusion.finetuning.sample_draws import (
    Mixture,
    SampleDraw,
    mixed_draws,
    sample_draws,
)
from egoactgen_bench.diffusion.finetuning.training_options import LoopOptions
from egoactgen_bench.diffusion.finetuning.weight_average import moving_average
from egoactgen_bench.errors import BenchError

HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class TrainingTask(nn.Module, ABC):
    """Networks and their loss; parameters with `requires_grad` are trained.

    With a `mixture`, its parts of the samples are drawn by their weights.
    """

    mixture: Mixture | None = None

    @abstractmethod
    def __len__(self) -> int:
        """The number of training samples."""

    @abstractmethod
    def batch(self, draws: Sequence[SampleDraw]) -> Batch:
        """Samples and their random numbers, on the CPU; called ahead of time in a thread."""

    def picklable(self) -> MakeBatch | None:
        """`batch` as a function for other processes; None if it needs this one."""
        return None

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """The mean loss of a batch, on the device."""


class TrainingLoop(ResumableLoop):
    """A training in progress, which resumes from the last checkpoint in the context's folder."""

    def __init__(
        self, training_task: TrainingTask, options: LoopOptions, context: TrainingContext
    ) -> None:
        from accelerate import Accelerator

        accelerator = Accelerator(cpu=context.device == "cpu", device_placement=False)
        super().__init__(accelerator, options, context.folder, options.iterations, context.log)
        self.options, self.context = options, context
        self.training_task = training_task.to(context.device)
        self.parameters: dict[str, Tensor] = {
            name: p for name, p in training_task.named_parameters() if p.requires_grad
        }
        self.optimizer = _optimizer(options, list(self.parameters.values()))
        self.average: Any = None
        if options.ema_decay:
            kept = list(self.parameters.values())
            self.average = moving_average(kept, options.ema_decay, options.ema_updates)
        # Gradients below float16's range would vanish; with other formats it does nothing.
        self.scaler = torch.amp.GradScaler(
            torch.device(context.device).type, enabled=options.precision == "float16"
        )
        self.model = self.accelerator.prepare_model(self.training_task)

    def run(self) -> Curve:
        """Train the task; its parameters are then their moving average, if one is kept."""
        self._restore()
        self._batches = self._made(range(len(self.curve), self.steps))
        with tensor_float32(self.options.tf32):
            self._run_steps(self.context.progress)
        if self.average is not None:
            self.average.copy_to(self.parameters.values())
        return self.curve

    def _learning_rate(self, step: int) -> float:
        return self.options.rate(step)

    def _step(self, step: int) -> float:
        total = torch.zeros((), device=self.context.device)
        kind = torch.device(self.context.device).type
        chosen = self.options.precision
        half = chosen in HALF
        for number in range(self.rounds):
            last = number + 1 == self.rounds
            made = next(self._batches)
            batch = {key: t.to(self.context.device, non_blocking=True) for key, t in made.items()}
            # Processes exchange their gradients once per step, after the last round.
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                with torch.autocast(kind, HALF.get(chosen), enabled=half):
                    loss = self.model(batch) / self.rounds
                self.accelerator.backward(self.scaler.scale(loss))
            # Added on the device and read once per step, as each read waits for the GPU.
            total += loss.detach()
        self.scaler.unscale_(self.optimizer)
        if self.options.max_gradient_norm:
            nn.utils.clip_grad_norm_(self.parameters.values(), self.options.max_gradient_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate(step)
        self.scaler.step(self.optimizer)  # not at all if a gradient of float16 has overflown
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.step(self.parameters.values())
        return float(self.accelerator.reduce(total, "mean"))

    def _made(self, steps: range) -> Iterator[Batch]:
        """This process's parts of the steps, made ahead of their use."""
        draws = (self._draws(*each) for each in product(steps, range(self.rounds)))
        device, make = self.context.device, self.training_task.picklable()
        pinned = device.startswith("cuda")
        workers = worker_count(self.options.workers, device) if make is not None else 0
        if make is not None and workers:
            return in_workers(make, draws, workers, pinned)
        return in_thread(self.training_task.batch, draws, pinned)

    def _draws(self, step: int, number: int) -> list[SampleDraw]:
        """This process's part of a step in round `number`."""
        positions = self._positions(step, number)
        seed, mixture = self.context.seed, self.training_task.mixture
        if mixture is not None:
            return list(mixed_draws(seed, step, positions, mixture))
        return list(sample_draws(seed, step, positions, len(self.training_task)))

    def _save(self, checkpoint: Path) -> dict[str, Any]:
        if not self.accelerator.is_main_process:
            return {}  # every process has the same weights
        tensors, numbers = training_checkpoints.optimizer_state(self.optimizer, self.parameters)
        groups = {"weights": self.parameters, "average": self._averages(), "optimizer": tensors}
        flat = {f"{group}:{n}": t for group, found in groups.items() for n, t in found.items()}
        training_checkpoints.write_tensors(checkpoint, flat)
        return {"optimizer": numbers, "scaler": self.scaler.state_dict()}

    def _load(self, checkpoint: Path, state: dict[str, Any]) -> None:
        groups: dict[str, dict[str, Any]] = {"weights": {}, "average": {}, "optimizer": {}}
        for name, tensor in training_checkpoints.read_tensors(checkpoint).items():
            group, _, key = name.partition(":")
            groups[group][key] = tensor
        training_checkpoints.restore(self.parameters, groups["weights"])
        training_checkpoints.restore(self._averages(), groups["average"])
        entries = groups["optimizer"] | state["optimizer"]
        training_checkpoints.restore_optimizer(self.optimizer, self.parameters, entries)
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.optimization_step = len(state["curve"])

    def _averages(self) -> dict[str, Tensor]:
        """The moving averages of the parameters by name; empty if none are kept."""
        if self.average is None:
            return {}
        return dict(zip(self.parameters, self.average.shadow_params, strict=True))


def _optimizer(options: LoopOptions, parameters: list[Tensor]) -> torch.optim.Optimizer:
    chosen: dict[str, Any] = {"lr": options.learning_rate, "weight_decay": options.weight_decay}
    if options.optimizer == "adamw":
        # Fused: four times as fast on the CPU, and without temporary copies of the weights on GPUs.
        return torch.optim.AdamW(parameters, **chosen, fused=True)
    try:
        from bitsandbytes import optim
    except ImportError:
        raise BenchError(
            "optimizer=adamw8bit needs the package bitsandbytes: pip install bitsandbytes."
        ) from None
    eight_bit: torch.optim.Optimizer = optim.AdamW8bit(parameters, **chosen)
    return eight_bit
