"""The training loop of the VLLM, on one device or on several through accelerate."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from egoactgen_bench.api.options import Options
from egoactgen_bench.api.tracker_log import TrackerLog
from egoactgen_bench.diffusion.finetuning.resumable_loop import ResumableLoop
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.devices import resolve_device
from egoactgen_lego.vllm.answer_supervision import Batch, answer_loss, batch_of, supervised
from egoactgen_lego.vllm.instructions import Instruction, check_actions, shuffled
from egoactgen_lego.vllm.trainable_weights import open_weights, save, trainable
from egoactgen_lego.vllm.vllm_model import load


class TuningOptions(Options):
    """The defaults are the paper's."""

    epochs: int = Field(3, ge=1, description="passes over the instructions")
    batch_size: int = Field(128, ge=1, description="instructions per step, over all processes")
    micro_batch: int = Field(16, ge=1, description="maximum number of them on a device at a time")
    learning_rate: float = Field(2e-5, gt=0, description="after the warm-up")
    warmup: float = Field(
        0.03, ge=0, lt=1, description="fraction of the steps, before the cosine schedule"
    )
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    max_gradient_norm: float = Field(
        1.0, gt=0, description="gradients of a larger norm are scaled to it"
    )
    templates: Literal["drawn", "stored"] = Field(
        "drawn", description="questions: drawn at each step (paper) or the data's own (code)"
    )
    precision: Literal["bfloat16", "float32"] = Field(
        "bfloat16", description="of the computation; trainable weights are kept in float32"
    )
    gradient_checkpointing: bool = Field(True, description="less memory for more time")
    lora_rank: int = Field(
        0, ge=0, description="rank of adapters of the language model; 0: train all of it"
    )
    lora_alpha: int = Field(256, ge=1, description="scale of the adapters, times the rank")
    memory: float | None = Field(
        None,
        gt=0,
        description="GB of a device, for which micro_batch is lowered until the calculated memory "
        "fits; default: what is free on the GPU, without lowering",
    )
    max_length: int = Field(2048, ge=2, description="tokens; the rest is cut off")
    checkpoint_every: int = Field(200, ge=1, description="steps")

    def steps(self, instructions: int) -> int:
        """The number of steps; batches span epochs, and the last is filled from one more epoch."""
        return math.ceil(self.epochs * instructions / self.batch_size)


# A step of its own rather than TrainingLoop's: the loss is a mean over the tokens of all processes,
# and FSDP or DeepSpeed, which only accelerate knows how to drive, may hold a part of the weights.
class Tuning(ResumableLoop):
    """A tuning in progress, which resumes from the last checkpoint in `folder`."""

    def __init__(
        self,
        weights: Path,
        instructions: Sequence[Instruction],
        options: TuningOptions,
        folder: Path,
        seed: int,
        device: str,
        log: TrackerLog | None = None,
    ) -> None:
        from accelerate import Accelerator
        from accelerate.utils import InitProcessGroupKwargs

        self.options, self.seed = options, seed
        self.instructions = instructions
        if options.templates == "drawn":
            check_actions(instructions)
        # The others wait while the first process writes and hashes the model; PyTorch's 10 minutes
        # for GPUs would not suffice on slow storage.
        waiting = InitProcessGroupKwargs(timeout=timedelta(hours=1))
        accelerator = Accelerator(cpu=resolve_device(device) == "cpu", kwargs_handlers=[waiting])
        steps = options.steps(len(instructions))
        super().__init__(accelerator, options, folder, steps, log)
        if self.accelerator.mixed_precision == "bf16" and options.precision != "bfloat16":
            raise BenchError("accelerate's configuration computes in bf16: -o precision=bfloat16.")
        self.weights = weights

    @property
    def sharded(self) -> bool:
        """Whether each process has only a part of the weights."""
        return self.accelerator.distributed_type.value in ("FSDP", "DEEPSPEED")

    def prepare(self) -> None:
        """Load the model, prepare it for the devices, and restore the last checkpoint."""
        options, accelerator = self.options, self.accelerator
        # Adapters do not change the model, so bfloat16 suffices for it; shards need a single dtype.
        small = options.lora_rank and options.precision == "bfloat16" and not self.sharded
        with _without_zero3(accelerator.state.deepspeed_plugin):
            self.vllm = load(self.weights, "cpu", torch.bfloat16 if small else torch.float32)
        network = self.vllm.model
        if options.gradient_checkpointing:
            # The reentrant kind passes no gradients through a layer whose inputs need none, as
            # under LoRA.
            enable = (
                network.activation_checkpointing_enable
                if hasattr(network, "activation_checkpointing_enable")
                else network.gradient_checkpointing_enable  # its name before transformers 5.23
            )
            enable({"use_reentrant": False})
        model = open_weights(network, options.lora_rank, options.lora_alpha, self.seed).train()
        self.trainable = trainable(model)
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
        self.schedule = schedule(self.optimizer, options, self.steps, len(self.curve))

    def run(self, progress: bool) -> None:
        """Do the remaining steps."""
        self._run_steps(progress)

    def result(self) -> dict[str, Tensor]:
        """The trained weights, unsharded, by name (on the main process)."""
        state = self.accelerator.get_state_dict(self.model) or {}
        return {name: state[name] for name in self.trainable if name in state}

    def save(self, values: dict[str, Tensor], folder: Path) -> None:
        """Write a plain transformers folder with the weights of `result`, in the precision."""
        options = self.options
        dtype = getattr(torch, options.precision)
        network = load(self.weights, "cpu", dtype).model
        model = open_weights(network, options.lora_rank, options.lora_alpha, self.seed)
        save(model, values, dtype, folder)

    def _learning_rate(self, step: int) -> float:
        return self._rate

    def _step(self, step: int) -> float:
        accelerator = self.accelerator
        self._rate = float(self.schedule.get_last_lr()[0])
        batches = [self._batch(step, number) for number in range(self.rounds)]
        own = torch.stack([supervised(batch["labels"]) for batch in batches]).sum()
        tokens = accelerator.reduce(own.to(accelerator.device), "sum")
        total = torch.zeros((), device=accelerator.device)
        for batch in batches:
            with accelerator.accumulate(self.model):
                loss = self._loss(batch) / tokens
                # accelerate averages over processes and rounds, but `tokens` counts all of them.
                accelerator.backward(loss * accelerator.num_processes * self.rounds)
                total += loss.detach()
                if accelerator.sync_gradients:
                    parameters = [w for w in self.model.parameters() if w.requires_grad]
                    accelerator.clip_grad_norm_(parameters, self.options.max_gradient_norm)
                self.optimizer.step()
                self.optimizer.zero_grad()
        self.schedule.step()
        return float(accelerator.reduce(total, "sum"))

    def _loss(self, batch: Batch) -> Tensor:
        labels = batch["labels"]  # stay on the CPU
        device = self.accelerator.device
        batch = {name: t.to(device) for name, t in batch.items() if name != "labels"}
        half = self.options.precision == "bfloat16"
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=half):
            logits = self.model(**batch, use_cache=False).logits
        return answer_loss(logits, labels, self.vllm.words)

    def _batch(self, step: int, number: int) -> Batch:
        """This process's part of a step, the `number`-th of its rounds."""
        chosen = self._instructions_at(self._positions(step, number))
        questions = [
            one.question
            if self.options.templates == "stored"
            else one.drawn_question(self.seed, step)
            for one in chosen
        ]
        return batch_of(self.vllm, chosen, questions, self.options.max_length)

    def _instructions_at(self, positions: range) -> list[Instruction]:
        """The instructions at these positions of the endless sequence of epochs."""
        count = len(self.instructions)
        epochs = range(positions.start // count, (positions.stop - 1) // count + 1)
        row = [one for epoch in epochs for one in shuffled(self.instructions, self.seed, epoch)]
        first = epochs.start * count
        return row[positions.start - first : positions.stop - first]

    def _save(self, checkpoint: Path) -> dict[str, Any]:
        # accelerate's, not the denoisers' tensors by name: under FSDP or DeepSpeed no process has
        # all weights, and each must write its own part.
        self.accelerator.save_state(checkpoint)
        return {}

    def _load(self, checkpoint: Path, state: dict[str, Any]) -> None:
        # Frozen weights are not in the checkpoint.
        lenient: dict[str, Any] = {} if self.sharded else {"strict": False}
        self.accelerator.load_state(checkpoint, **lenient)


def schedule(optimizer: Any, options: TuningOptions, steps: int, done: int) -> Any:
    """transformers' cosine schedule after `done` of all `steps`, as LLaVA is tuned with."""
    from transformers import get_cosine_schedule_with_warmup

    # The learning rate depends on the step alone, so checkpoints need not contain the schedule.
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"] = options.learning_rate
    warmup = math.ceil(options.warmup * steps)
    return get_cosine_schedule_with_warmup(optimizer, warmup, steps, last_epoch=done - 1)


@contextmanager
def _without_zero3(plugin: Any) -> Iterator[None]:
    """Hide DeepSpeed's ZeRO-3 from transformers, which would divide a network without weights."""
    config = getattr(plugin, "dschf", None)
    if config is None:
        yield
        return
    from transformers.integrations import deepspeed

    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        deepspeed.set_hf_deepspeed_config(config)


def _without_frozen(models: list[Any], weights: list[dict[str, Tensor]], folder: str) -> None:
    """Leave frozen weights out of a checkpoint: they are those of the initial model."""
    for model, state in zip(models, weights, strict=True):
        kept = set(trainable(model))
        for name in state.keys() - kept:
            del state[name]
