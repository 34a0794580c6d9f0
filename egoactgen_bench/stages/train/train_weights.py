"""Trains the weights of a method on a split.

<models>/<trainer>-<split>/plan.json     everything that affects the weights; during training only
<models>/<trainer>-<split>/train.json    the plan and the results, written last
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.api.options import chosen, resolve
from egoactgen_bench.api.plugin_calls import call, plain_json, reporting, returned
from egoactgen_bench.api.plugin_code import code_sources
from egoactgen_bench.api.plugin_declarations import build_plugin, require_subclass
from egoactgen_bench.api.tracker_log import open_log
from egoactgen_bench.api.trainer import Prerequisite, Trainer, TrainingContext
from egoactgen_bench.artifacts.joint_splits import JointSplit, descriptions_by_name
from egoactgen_bench.artifacts.manifest_base import build
from egoactgen_bench.artifacts.manifests import TRAIN, TrainManifest
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.stages.train.train_options import TrainOptions
from egoactgen_bench.support import kept_hashes, provenance
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.sharding import ProcessShard

Report = Callable[[str], object]


@dataclass(frozen=True)
class TrainingJob:
    """The trainer and the folder of a training, with all options resolved."""

    trainer: Trainer[Any]
    work: WorkFolder[TrainManifest]
    passed: dict[str, Any]
    rank: int

    @property
    def plan(self) -> Mapping[str, Any]:
        """Everything that affects the weights, as recorded in train.json."""
        return self.work.plan

    @property
    def folder(self) -> Path:
        return self.trainer.context.folder

    @property
    def finished(self) -> bool:
        return self.work.finished


def prepare(
    name: str,
    split: Split,
    folder: Path,
    settings: TrainOptions | None = None,
    *,
    progress: bool = False,
    **choices: Any,
) -> TrainingJob:
    """Resolve the options of a training. Raises `BenchError` for invalid ones.

    `settings` and `choices` are fields of `TrainOptions`; `choices` override `settings`.
    """
    split.require_frames()
    resolved = chosen(TrainOptions, settings, choices, "train")
    kept_hashes.keep_in(resolved.cache, verify=resolved.verify_hashes)
    found, given = find_trainer(name, resolved)
    shard = ProcessShard.of_process()
    if isinstance(split, JointSplit) and not found.takes_several_splits:
        raise BenchError(f"{name} is trained on one split: give one --split.")
    texts = descriptions_by_name(split, resolved.descriptions) if resolved.descriptions else None
    device = resolve_device(resolved.device, shard.local_rank)
    own = call(found, "on_device", given, device)
    shown = progress and shard.rank == 0
    log = open_log(resolved.log_to, resolved.log_project, resolved.logs)
    context = TrainingContext(
        split, folder, resolved.models, resolved.cache, texts, resolved.seed, device, shown, log
    )
    trainer = build_plugin(found, own, context)
    plan = {
        "trainer": name,
        "preset": resolved.preset,
        "options": {
            "resolved": own.model_dump(mode="json", exclude=set(found.non_semantic_options))
        },
        "seed": resolved.seed,
        "split": split.name,
        "subset": split.manifest.subset,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "descriptions": texts and texts.name,
        "descriptions_sha256": texts and texts.sha256,
        "sources": call(trainer, "sources") | code_sources(found),
    }
    if isinstance(split, JointSplit):
        plan["splits"] = split.record(resolved.descriptions)
    work = WorkFolder(
        folder / TRAIN,
        TrainManifest,
        plan,
        folder / PLAN,
        not_compared=found.non_semantic_options,
        elsewhere="--name or --out",
    )
    return TrainingJob(trainer, work, dict(resolved.options), shard.rank)


def find_trainer(name: str, settings: TrainOptions) -> tuple[type[Trainer[Any]], Any]:
    """The trainer of this name and its options, of the preset and as passed."""
    found = require_subclass(plugins.find("trainers", name), Trainer, name)
    if settings.preset not in found.presets:
        default = TrainOptions.model_fields["preset"].default
        hint = " (the default; choose one with --preset)" * (settings.preset == default)
        raise BenchError(
            f"{name} has no preset '{settings.preset}'{hint}."
            + did_you_mean(settings.preset, found.presets)
        )
    values = {**found.presets[settings.preset], **settings.options}
    return found, resolve(found.Options, values, f"train {name}")


def execute(
    job: TrainingJob, overwrite: bool = False, report: Report = lambda sentence: None
) -> TrainManifest:
    """Train, resuming from the last checkpoint, and return the content of train.json.

    Trainings that this one requires are run first; `report` is called with a sentence about each.
    """
    job.work.check(overwrite)
    if job.finished and not overwrite:
        return job.work.read()
    call(job.trainer, "check")
    if job.rank == 0:
        job.work.begin(overwrite, job.work.clear)
    for required in call(job.trainer, "prerequisites"):
        if not (required.folder / TRAIN).is_file():
            first = _prepare_required(job, required)
            report(_first(required, first.trainer.options))
            execute(first)
    with reporting(job.trainer, "train"):
        outcome = job.trainer.train()
    # A training may have taken days: a forgotten `return` must not lose it.
    entries = {} if outcome is None else returned(job.trainer, "train", outcome)
    resolved = job.trainer.options.model_dump(mode="json")
    content = {
        "options": {"passed": job.passed, "resolved": resolved},
        **plain_json(job.trainer, "train", entries),
        "dataset": job.trainer.context.split.manifest.dataset,
        "device": provenance.device_name(job.trainer.context.device),
        "versions": provenance.versions(job.trainer.packages),
    }
    if job.rank == 0:
        return job.work.finish(content)
    return build(TrainManifest, {**job.plan, **content})


def _first(required: Prerequisite, options: Any) -> str:
    steps = getattr(options, "iterations", None)
    length = f" ({steps:,} steps)" if steps else ""
    otherwise = f"; {required.otherwise}" if required.otherwise else ""
    return (
        f"Training {required.trainer} first{length}, as {required.folder} is not finished"
        f"{otherwise}."
    )


def _prepare_required(job: TrainingJob, required: Prerequisite) -> TrainingJob:
    """A training that another one requires, on the same split with the same seed."""
    context = job.trainer.context
    settings = TrainOptions(
        models=context.models,
        cache=context.cache,
        options=dict(required.options),
        seed=context.seed,
        device=context.device,
        log_to=context.log.trackers,
        log_project=context.log.project,
        logs=context.log.folder,
    )
    return prepare(
        required.trainer, context.split, required.folder, settings, progress=context.progress
    )


def train(
    name: str,
    split: Split,
    folder: Path,
    settings: TrainOptions | None = None,
    *,
    overwrite: bool = False,
    progress: bool = False,
    report: Report = lambda sentence: None,
    **choices: Any,
) -> TrainManifest:
    """Train `name` on a split, write the weights to `folder` and return the content of train.json.

    `settings` and `choices` are fields of `TrainOptions`; `choices` override `settings`.
    """
    job = prepare(name, split, folder, settings, progress=progress, **choices)
    return execute(job, overwrite, report)
