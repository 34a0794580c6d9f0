"""The training loop: one for every denoiser, and for the toy's autoencoder.

Under torchrun or accelerate each process learns from its part of every batch.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import product
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from egoactgen_bench.api.trainer import TrainingContext
from egoactgen_bench.diffusion.finetuning import training_checkpoints
from egoactgen_bench.diffusion.finetuning.loss_curve import Curve
from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw, sample_draws
from egoactgen_bench.diffusion.finetuning.training_options import LoopOptions
from egoactgen_bench.diffusion.finetuning.weight_average import Average
from egoactgen_bench.errors import BenchError

Batch = dict[str, Tensor]
T = TypeVar("T")


class TrainingTask(nn.Module, ABC):
    """What is learnt: networks, and a loss of theirs; parameters that ask for gradients learn."""

    @abstractmethod
    def __len__(self) -> int:
        """How many samples there are to learn from."""

    @abstractmethod
    def batch(self, asked: Sequence[SampleDraw]) -> Batch:
        """Samples, with all that is drawn for them, on the CPU; called in a thread, ahead."""

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """The mean loss of a batch on the device."""


class TrainingLoop:
    """A training under way; it begins where the last checkpoint in the task's folder ends."""

    def __init__(
        self, training_task: TrainingTask, options: LoopOptions, context: TrainingContext
    ) -> None:
        from accelerate import Accelerator

        self.accelerator = Accelerator(cpu=context.device == "cpu", device_placement=False)
        self.options, self.context = options, context
        self.training_task = training_task.to(context.device)
        self.parameters: dict[str, Tensor] = {
            name: p for name, p in training_task.named_parameters() if p.requires_grad
        }
        self.optimizer = _optimizer(options, list(self.parameters.values()))
        self.average = Average(self.parameters, options.ema_decay)
        self.curve = Curve()
        self.model = self.accelerator.prepare_model(self.training_task)
        self.size = micro_batch(
            options.batch_size, options.micro_batch, self.accelerator.num_processes
        )
        self.rounds = options.batch_size // (self.size * self.accelerator.num_processes)

    def run(self) -> Curve:
        """Fit the task; its parameters are their average afterwards."""
        from tqdm import tqdm

        self.accelerator.wait_for_everyone()  # an old checkpoint may be on its way out
        self._restore()
        steps = range(len(self.curve), self.options.iterations)
        batches = _ahead(self._batch, product(steps, range(self.rounds)))
        shown = None if self.context.progress else True
        total = self.options.iterations
        with tqdm(total=total, initial=len(self.curve), unit="step", disable=shown) as bar:
            for step in steps:
                start = time.perf_counter()
                loss = self._step(step, batches)
                self.curve.add(loss, time.perf_counter() - start)
                bar.set_postfix(loss=f"{self.curve.recent():.4f}", refresh=False)
                bar.update()
                if (step + 1) % self.options.checkpoint_every == 0 and step + 1 < total:
                    self._checkpoint()
        self.average.apply()
        return self.curve

    def _step(self, step: int, batches: Iterator[Batch]) -> float:
        """One optimiser step; returns the mean loss over the batch of all processes."""
        total = torch.zeros((), device=self.context.device)
        kind = torch.device(self.context.device).type
        half = self.options.precision == "bfloat16"
        for number in range(self.rounds):
            last = number + 1 == self.rounds
            batch = {key: value.to(self.context.device) for key, value in next(batches).items()}
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                with torch.autocast(kind, torch.bfloat16, enabled=half):
                    loss = self.model(batch) / self.rounds
                self.accelerator.backward(loss)
            total += loss.detach()
        value = float(self.accelerator.reduce(total, "mean"))
        if not value < float("inf"):
            raise BenchError(
                f"The loss of step {step + 1} is no number: try a smaller -o learning_rate."
            )
        if self.options.max_gradient_norm:
            nn.utils.clip_grad_norm_(self.parameters.values(), self.options.max_gradient_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate(step)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(step + 1)
        return value

    def _batch(self, step: int, number: int) -> Batch:
        """This process's part of a step, the `number`-th of its rounds."""
        part = number * self.accelerator.num_processes + self.accelerator.process_index
        first = step * self.options.batch_size + part * self.size
        positions = range(first, first + self.size)
        asked = sample_draws(self.context.seed, step, positions, len(self.training_task))
        return self.training_task.batch(list(asked))

    def _checkpoint(self) -> None:
        if self.accelerator.is_main_process:
            tensors, numbers = training_checkpoints.optimizer_state(self.optimizer, self.parameters)
            averages = self.average.values
            groups = {"weights": self.parameters, "average": averages, "optimizer": tensors}
            flat = {f"{group}:{n}": t for group, found in groups.items() for n, t in found.items()}
            state = {"optimizer": numbers, "curve": self.curve.rows}
            training_checkpoints.write(self.context.folder, len(self.curve), flat, state)
        self.accelerator.wait_for_everyone()

    def _restore(self) -> None:
        found = training_checkpoints.read(self.context.folder)
        if found is None:
            return
        tensors, state = found
        groups: dict[str, dict[str, Any]] = {"weights": {}, "average": {}, "optimizer": {}}
        for name, tensor in tensors.items():
            group, _, key = name.partition(":")
            groups[group][key] = tensor
        training_checkpoints.restore(self.parameters, groups["weights"])
        training_checkpoints.restore(self.average.values, groups["average"])
        entries = groups["optimizer"] | state["optimizer"]
        training_checkpoints.restore_optimizer(self.optimizer, self.parameters, entries)
        self.curve = Curve(state["curve"])


def _optimizer(options: LoopOptions, parameters: list[Tensor]) -> torch.optim.Optimizer:
    chosen: dict[str, Any] = {"lr": options.learning_rate, "weight_decay": options.weight_decay}
    if options.optimizer == "adamw":
        on_cpu = parameters[0].device.type == "cpu"  # where it is four times as fast
        return torch.optim.AdamW(parameters, **chosen, fused=on_cpu)
    try:
        from bitsandbytes import optim
    except ImportError:
        raise BenchError(
            "optimizer=adamw8bit needs the package bitsandbytes: pip install bitsandbytes."
        ) from None
    eight_bit: torch.optim.Optimizer = optim.AdamW8bit(parameters, **chosen)
    return eight_bit


def micro_batch(batch_size: int, most: int, processes: int) -> int:
    """The largest micro-batch that parts the batch evenly among processes and rounds."""
    if batch_size % processes:
        raise BenchError(
            f"batch_size={batch_size} cannot be shared evenly by {processes} processes."
        )
    share = batch_size // processes
    return next(size for size in range(min(most, share), 0, -1) if not share % size)


def _ahead(make: Callable[..., T], arguments: Iterable[tuple[int, int]]) -> Iterator[T]:
    """`make(*each)` in order, one of them made in a thread while the last is used."""
    with ThreadPoolExecutor(1) as thread:
        waiting = None
        for each in arguments:
            made, waiting = waiting, thread.submit(make, *each)
            if made is not None:
                yield made.result()
        if waiting is not None:
            yield waiting.result()
