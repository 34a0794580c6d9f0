"""The base of every training loop: steps, their losses, and checkpoints to resume from."""

import math
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

from egoactgen_bench.api.tracker_log import TrackerLog
from egoactgen_bench.diffusion.finetuning import training_checkpoints
from egoactgen_bench.diffusion.finetuning.loss_curve import Curve
from egoactgen_bench.diffusion.finetuning.step_log import new_run, open_trackers
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.progress import report_progress


class Batching(Protocol):
    """The options of a training that its loop reads."""

    batch_size: int
    micro_batch: int
    checkpoint_every: int

    def model_dump(self) -> dict[str, Any]:
        """All options, by name."""


# Not transformers' Trainer: its samples come from a DataLoader and one global generator, whose
# stream a resumed training must replay. Here, draws depend only on the seed, the step and the
# sample, and are the same for any micro-batch size and any number of processes.
class ResumableLoop(ABC):
    """Optimiser steps over a batch each, starting where the last checkpoint in `folder` ends.

    A subclass defines what a step computes and what a checkpoint contains. A batch is divided among
    the processes and, within each, into `rounds` micro-batches of `size` samples.
    """

    def __init__(
        self,
        accelerator: Any,
        options: Batching,
        folder: Path,
        steps: int,
        log: TrackerLog | None = None,
    ) -> None:
        processes = accelerator.num_processes
        self.accelerator, self.batching = accelerator, options
        self.folder, self.steps = folder, steps
        self.size = micro_batch(options.batch_size, options.micro_batch, processes)
        self.rounds = options.batch_size // (self.size * processes)
        self.curve = Curve()
        self.log, self.log_run = log or TrackerLog(), new_run(folder)

    @abstractmethod
    def _learning_rate(self, step: int) -> float:
        """The learning rate of a step that is done."""

    @abstractmethod
    def _step(self, step: int) -> float:
        """One optimiser step, counted from 0; returns the loss over the batch of all processes."""

    @abstractmethod
    def _save(self, checkpoint: Path) -> dict[str, Any]:
        """Write the state into `checkpoint`, in all processes; returns the content of its JSON."""

    @abstractmethod
    def _load(self, checkpoint: Path, state: dict[str, Any]) -> None:
        """Restore the state that `_save` wrote and returned."""

    def _positions(self, step: int, number: int) -> range:
        """This process's part of a step's batch, the `number`-th of its rounds.

        Positions count the samples of the whole training.
        """
        part = number * self.accelerator.num_processes + self.accelerator.process_index
        first = step * self.batching.batch_size + part * self.size
        return range(first, first + self.size)

    def _run_steps(self, progress: bool) -> None:
        """Run the remaining steps."""
        done = len(self.curve)
        settings = self.batching.model_dump()
        with (
            open_trackers(self.accelerator, self.log, self.log_run, settings, done) as log,
            report_progress("train", self.steps, "step", initial=done, shown=progress) as bar,
        ):
            for step in range(done, self.steps):
                start = time.perf_counter()
                loss = self._step(step)
                if not math.isfinite(loss):
                    raise BenchError(
                        f"The loss of step {step + 1} is NaN or infinite: try a smaller "
                        "-o learning_rate."
                    )
                seconds = time.perf_counter() - start
                self.curve.add(loss, seconds)
                rate = self._learning_rate(step)
                values = {"loss": loss, "learning_rate": rate, "seconds_per_step": seconds}
                log.add(values, step + 1)
                bar.set_postfix_str(f"loss {self.curve.recent():.4f}", refresh=False)
                bar.update()
                if (step + 1) % self.batching.checkpoint_every == 0 and step + 1 < self.steps:
                    self._checkpoint()

    def _checkpoint(self) -> None:
        checkpoint = training_checkpoints.place(self.folder, len(self.curve))
        state = self._save(checkpoint)
        # The state marks the checkpoint as complete, so every process must have written its part.
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            state |= {"curve": self.curve.rows, "log_run": self.log_run}
            training_checkpoints.finish(checkpoint, state)
        self.accelerator.wait_for_everyone()

    def _restore(self) -> None:
        """Continue from the last complete checkpoint, if there is one."""
        self.accelerator.wait_for_everyone()  # an old checkpoint may be about to be removed
        found = training_checkpoints.latest(self.folder)
        if found is not None:
            checkpoint, state = found
            self._load(checkpoint, state)
            self.curve = Curve(state["curve"])
            self.log_run = state.get("log_run", self.log_run)


def micro_batch(batch_size: int, most: int, processes: int) -> int:
    """The largest micro-batch that divides the batch evenly among processes and rounds."""
    if batch_size % processes:
        raise BenchError(
            f"batch_size={batch_size} cannot be divided evenly among {processes} processes."
        )
    share = batch_size // processes
    return next(size for size in range(min(most, share), 0, -1) if not share % size)
