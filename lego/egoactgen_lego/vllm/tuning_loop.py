"""The training loop of the VLLM, on one device or on several through accelerate."""

import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from egoactgen_bench.api.options import Options
from egoactgen_bench.diffusion.finetuning.loss_curve import Curve
from egoactgen_bench.diffusion.finetuning.training_loop import micro_batch
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_lego.vllm.answer_supervision import Batch, answer_loss, batch_of, supervised
from egoactgen_lego.vllm.instructions import Instruction, check_actions, visited
from egoactgen_lego.vllm.trainable_weights import learnt, open_weights, save
from egoactgen_lego.vllm.vllm_model import load

STATE = "state.json"  # a checkpoint's last file


class TuningOptions(Options):
    """The defaults are the paper's."""

    epochs: int = Field(3, ge=1, description="how often each instruction is visited")
    batch_size: int = Field(128, ge=1, description="instructions a step, over all processes")
    micro_batch: int = Field(16, ge=1, description="most of them at a time on one device")
    learning_rate: float = Field(2e-5, gt=0, description="after the warm-up")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of the steps; then a cosine")
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    max_gradient_norm: float = Field(1.0, gt=0, description="larger gradients are scaled to it")
    templates: Literal["drawn", "stored"] = Field(
        "drawn", description="questions: drawn at each step (paper) or the data's own (code)"
    )
    precision: Literal["bfloat16", "float32"] = Field(
        "bfloat16", description="of the computation; what learns is kept in float32"
    )
    gradient_checkpointing: bool = Field(True, description="less memory for more time")
    lora_rank: int = Field(0, ge=0, description="of adapters of the language model; 0: all of it")
    lora_alpha: int = Field(256, ge=1, description="their scale, times the rank")
    max_length: int = Field(2048, ge=2, description="tokens; the rest is cut off")
    checkpoint_every: int = Field(200, ge=1, description="steps")

    def steps(self, instructions: int) -> int:
        """Batches run on across epochs; the last is filled with visits of one epoch more."""
        return math.ceil(self.epochs * instructions / self.batch_size)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step (from 0), as transformers' cosine schedule has it."""
        warm = math.ceil(self.warmup * steps)
        if step < warm:
            return self.learning_rate * step / warm
        return self.learning_rate * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2


class Tuning:
    """A tuning under way; it goes on where the last checkpoint in `folder` ends."""

    def __init__(
        self,
        weights: Path,
        instructions: Sequence[Instruction],
        options: TuningOptions,
        folder: Path,
        seed: int,
        device: str,
    ) -> None:
        from accelerate import Accelerator

        self.options, self.folder, self.seed = options, folder, seed
        self.instructions = instructions
        if options.templates == "drawn":
            check_actions(instructions)
        self.steps = options.steps(len(instructions))
        self.curve = Curve()
        self.accelerator = Accelerator(cpu=resolve_device(device) == "cpu")
        if self.accelerator.mixed_precision == "bf16" and options.precision != "bfloat16":
            raise BenchError("accelerate's configuration computes in bf16: -o precision=bfloat16.")
        processes = self.accelerator.num_processes
        self.size = micro_batch(options.batch_size, options.micro_batch, processes)
        self.rounds = options.batch_size // (self.size * processes)
        self.weights = weights

    @property
    def sharded(self) -> bool:
        """Whether each process holds a part of the weights only."""
        return self.accelerator.distributed_type.value in ("FSDP", "DEEPSPEED")

    def prepare(self) -> None:
        """Load the model and place it; what has been learnt before comes from the checkpoint."""
        options, accelerator = self.options, self.accelerator
        # Adapters leave the model as it is, so it may be small; shards hold one type of numbers.
        small = options.lora_rank and options.precision == "bfloat16" and not self.sharded
        self.vllm = load(self.weights, "cpu", torch.bfloat16 if small else torch.float32)
        network = self.vllm.model
        if options.gradient_checkpointing:
            network.gradient_checkpointing_enable({"use_reentrant": False})
        model = open_weights(network, options.lora_rank, options.lora_alpha, self.seed).train()
        self.learnt = learnt(model)
        parameters = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters, lr=options.learning_rate, weight_decay=options.weight_decay
        )
        accelerator.gradient_accumulation_steps = self.rounds
        if plugin := accelerator.state.deepspeed_plugin:
            plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = self.size
            plugin.deepspeed_config["gradient_accumulation_steps"] = self.rounds
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        if not self.sharded:
            accelerator.register_save_state_pre_hook(_without_frozen)
        self._restore()

    def run(self, progress: bool) -> None:
        """Do the steps that are missing."""
        from tqdm import tqdm

        hidden = None if progress else True  # None: shown on a terminal
        done = len(self.curve)
        bar = tqdm(range(done, self.steps), total=self.steps, initial=done, disable=hidden)
        for step in bar:
            start = time.perf_counter()
            loss = self._step(step)
            self.curve.add(loss, time.perf_counter() - start)
            bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            done = len(self.curve)
            if done % self.options.checkpoint_every == 0 and done < self.steps:
                self._checkpoint()

    def result(self) -> dict[str, Tensor]:
        """The weights that have been learnt, whole, by name (on the main process)."""
        state = self.accelerator.get_state_dict(self.model) or {}
        return {name: state[name] for name in self.learnt if name in state}

    def save(self, values: dict[str, Tensor], folder: Path) -> None:
        """Write a plain transformers folder with the weights of `result`, in the precision."""
        options = self.options
        dtype = getattr(torch, options.precision)
        network = load(self.weights, "cpu", dtype).model
        model = open_weights(network, options.lora_rank, options.lora_alpha, self.seed)
        save(model, values, dtype, folder)

    def _step(self, step: int) -> float:
        """One step of the optimiser; returns the mean loss over the answers' tokens."""
        accelerator = self.accelerator
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate(step, self.steps)
        batches = [self._batch(step, number) for number in range(self.rounds)]
        own = torch.stack([supervised(batch["labels"]) for batch in batches]).sum()
        tokens = accelerator.reduce(own.to(accelerator.device), "sum")
        total = torch.zeros((), device=accelerator.device)
        for batch in batches:
            with accelerator.accumulate(self.model):
                loss = self._loss(batch) / tokens
                # accelerate takes means over processes and rounds; the tokens are all counted.
                accelerator.backward(loss * accelerator.num_processes * self.rounds)
                total += loss.detach()
                if accelerator.sync_gradients:
                    parameters = [w for w in self.model.parameters() if w.requires_grad]
                    accelerator.clip_grad_norm_(parameters, self.options.max_gradient_norm)
                self.optimizer.step()
                self.optimizer.zero_grad()
        value = float(accelerator.reduce(total, "sum"))
        if not math.isfinite(value):
            raise BenchError(
                f"The loss of step {step + 1} is no number: try a smaller -o learning_rate."
            )
        return value

    def _loss(self, batch: Batch) -> Tensor:
        batch = {name: tensor.to(self.accelerator.device) for name, tensor in batch.items()}
        labels = batch.pop("labels")
        half = self.options.precision == "bfloat16"
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=half):
            logits = self.model(**batch, use_cache=False).logits
        return answer_loss(logits, labels, self.vllm.words)

    def _batch(self, step: int, number: int) -> Batch:
        """This process's part of a step, the `number`-th of its rounds."""
        part = number * self.accelerator.num_processes + self.accelerator.process_index
        first = step * self.options.batch_size + part * self.size
        chosen = self._visits(first, first + self.size)
        questions = [
            one.question
            if self.options.templates == "stored"
            else one.drawn_question(self.seed, step)
            for one in chosen
        ]
        return batch_of(self.vllm, chosen, questions, self.options.max_length)

    def _visits(self, first: int, last: int) -> list[Instruction]:
        """The instructions at these places of the endless row of epochs."""
        count = len(self.instructions)
        epochs = range(first // count, (last - 1) // count + 1)
        row = [one for epoch in epochs for one in visited(self.instructions, self.seed, epoch)]
        return row[first - epochs[0] * count : last - epochs[0] * count]

    def _checkpoint(self) -> None:
        """Write a checkpoint beside the old one, which goes when the new one is whole."""
        done = len(self.curve)
        new = self.folder / f"checkpoint-{done:08d}"
        self.accelerator.save_state(new)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            write_json(new / STATE, {"curve": self.curve.rows})
            for old in set(self.folder.glob("checkpoint-*")) - {new}:
                shutil.rmtree(old)
        self.accelerator.wait_for_everyone()

    def _restore(self) -> None:
        whole = sorted(path.parent for path in self.folder.glob(f"checkpoint-*/{STATE}"))
        if whole:
            lenient: dict[str, Any] = {} if self.sharded else {"strict": False}
            self.accelerator.load_state(whole[-1], **lenient)
            self.curve = Curve(read_json(whole[-1] / STATE)["curve"])


def _without_frozen(models: list[Any], weights: list[dict[str, Tensor]], folder: str) -> None:
    """Keep what does not learn out of a checkpoint: it is that of the model begun with."""
    for model, state in zip(models, weights, strict=True):
        kept = set(learnt(model))
        for name in state.keys() - kept:
            del state[name]
