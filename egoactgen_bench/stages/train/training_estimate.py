"""What a training would take, for `--dry-run`: nothing is written, and no weights are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.api.options import chosen
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.api.trainer import TrainingContext
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.stages.train.train_options import TrainOptions
from egoactgen_bench.stages.train.train_weights import find_trainer
from egoactgen_bench.support import provenance
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.support.training_costs import TrainingPlan

UNKNOWN = "the costs of this trainer are not known in advance."


@dataclass(frozen=True)
class Estimate:
    """What a training would take; `card` is the name of the GPU, `limit` its memory in GB."""

    plan: TrainingPlan
    card: str | None
    limit: float | None


def estimate(
    name: str, split: Split, settings: TrainOptions | None = None, **choices: Any
) -> Estimate | None:
    """The plan of a training; None if its trainer does not know it in advance.

    `settings` and `choices` are those of `prepare`. Without a GPU, `precision=auto` is taken as
    bfloat16.
    """
    resolved = chosen(TrainOptions, settings, choices, "train")
    found, own = find_trainer(name, resolved)
    device = resolve_device(resolved.device, ProcessShard.of_process().local_rank)
    on_gpu = device.startswith("cuda")
    if on_gpu:
        own = call(found, "on_device", own, device)
    context = TrainingContext(
        split, Path(), resolved.models, resolved.cache, seed=resolved.seed, device=device
    )
    plan = call(found, "costs", own, context)
    if plan is None:
        return None
    named = provenance.device_name(device) if on_gpu else None
    return Estimate(plan, named, getattr(own, "memory", None))


def costs(
    name: str, split: Split, settings: TrainOptions | None = None, **choices: Any
) -> list[str]:
    """The lines that `--dry-run` prints."""
    found = estimate(name, split, settings, **choices)
    if found is None:
        return [f"{name}: {UNKNOWN}"]
    return found.plan.lines(found.card, found.limit)
