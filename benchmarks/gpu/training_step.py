"""A training step of Stable Diffusion 1.5: samples per second and memory, next to the plan."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from benchmarks import drawn_inputs
from benchmarks.gpu import networks
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setting import Add, Setting
from egoactgen_bench.api.trainer import TrainingContext
from egoactgen_bench.diffusion.finetuning.denoiser_costs import measure as measure_costs
from egoactgen_bench.diffusion.finetuning.denoiser_costs import planned
from egoactgen_bench.diffusion.finetuning.denoising_loss import Denoising
from egoactgen_bench.diffusion.finetuning.denoising_samples import Features
from egoactgen_bench.diffusion.finetuning.frame_latents import Frame, Pair, frames_of
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
from egoactgen_bench.diffusion.finetuning.training_options import SD15, FinetuningOptions
from egoactgen_bench.support.training_costs import CARDS, GB, UTILISATION, card_of
from egoactgen_lego.generator.vllm_conditioning import Conditioner

STEPS, SAMPLES = 3, 8  # the first step warms up
MICRO_BATCH, ROUNDS = 32, 2


@dataclass(frozen=True)
class DrawnLatents:
    """Random posteriors."""

    side: int

    def read(self, frame: Frame, mirrored: bool) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(int(frame.sha256[:8], 16))
        mean = torch.randn(4, self.side, self.side, generator=generator)
        return mean, torch.full_like(mean, 0.1)


@dataclass(frozen=True)
class DrawnFeatures:
    """Features of zeros, in 16 bits as in files."""

    in_workers: ClassVar[bool] = True
    sizes: dict[str, tuple[int, int]]

    def __call__(self, sample_id: str) -> Features:
        return {name: torch.zeros(size, dtype=torch.float16) for name, size in self.sizes.items()}


def measure(setting: Setting, add: Add) -> None:
    micro = 2 if setting.toy else MICRO_BATCH
    sizes = {"iterations": STEPS, "batch_size": ROUNDS * micro, "micro_batch": micro}
    options = FinetuningOptions(**SD15, **sizes, size=networks.side(setting), workers=None)
    options = options.on_device(setting.device)
    found = networks.configurations(setting)
    conditioner = _conditioner(setting, found.width).to(setting.device)

    def on_meta(width: int) -> tuple[Conditioner, dict[str, tuple[int, int]]]:
        return _conditioner(setting, width), conditioner.feature_sizes

    costs = measure_costs(found, 2, on_meta, options)
    plan = planned(costs, found.name, SAMPLES, 1)
    task, context = _task(setting, options, conditioner)
    loop = TrainingLoop(task, options, context)
    setting.reset_peak()
    curve = loop.run()
    seconds = min(each for _, each in curve.rows[1:])
    card = card_of(torch.cuda.get_device_name()) if setting.cuda else None
    estimate = CARDS[card] * 1e12 * UTILISATION / costs.operations if card else None
    title = f"lego, {micro} at a time"
    add(Row(f"{title}, {options.precision}", options.batch_size / seconds, "samples/s", estimate))
    reserve = plan.memory.parts["reserve"]
    add(Row(f"{title}, peak memory", setting.peak_gb(), "GB", (plan.memory.total - reserve) / GB))


def _conditioner(setting: Setting, width: int) -> Conditioner:
    small = {"vllm_width": 64, "heads": 2} if setting.toy else {}
    return Conditioner("joint", width=width, feed_forward=width * 8 // 3, **small).train()


def _task(
    setting: Setting, options: FinetuningOptions, conditioner: Conditioner
) -> tuple[Denoising, TrainingContext]:
    folder = setting.folder / "training"
    split = drawn_inputs.write_split(folder / "split", SAMPLES, (64, 64))
    frames = (frames_of(split, "input"), frames_of(split, "target"))
    ids = split.samples["sample_id"]
    pairs = [Pair(name, *both, "open drawer") for name, *both in zip(ids, *frames, strict=True)]
    model = networks.build(setting)
    model.vae.to("cpu")  # as in a training, once the latents are stored
    latents = DrawnLatents(options.size // model.factor)
    features = DrawnFeatures(conditioner.feature_sizes)
    task = Denoising(model, conditioner, pairs, latents, features, options, seed=0)
    context = TrainingContext(split, folder / "out", folder, folder, device=setting.device)
    return task, context
