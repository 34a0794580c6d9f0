"""The stage `train`, and the interface of a trainer, which makes the weights of a method.

<models>/<trainer>-<split>/plan.json     all that shapes the weights, while they are made
<models>/<trainer>-<split>/train.json    the plan and what came of it, written last
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from egoactgen_bench import options, plans, plugins, provenance
from egoactgen_bench.descriptions import Descriptions, load_descriptions
from egoactgen_bench.devices import resolve_device
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.files import read_json, write_json
from egoactgen_bench.sharding import Share
from egoactgen_bench.splits import Split

OptionsT = TypeVar("OptionsT", bound=options.Options)

PLAN, MANIFEST = "plan.json", "train.json"


@dataclass(frozen=True)
class Task:
    """What a training tells its trainer beside the trainer's own options.

    `folder` takes the weights; `models` is where others' lie; in `cache` anything may be kept that
    can be computed again. Under a launcher each process has its own `device`.
    """

    split: Split
    folder: Path
    models: Path
    cache: Path
    descriptions: Descriptions | None = None
    seed: int = 0
    device: str = "cpu"
    progress: bool = False


class Trainer(ABC, Generic[OptionsT]):
    """Base class of trainers; a subclass's first docstring line stands in `bench trainers`.

    Building one is cheap and checks what it needs. A trainer keeps checkpoints in its folder, and
    goes on from the last one to the very weights that an unbroken training ends with.
    """

    Options: type[OptionsT] = options.Options  # type: ignore[assignment]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    mechanics: ClassVar[frozenset[str]] = frozenset()  # options that leave the weights as they are
    packages: ClassVar[tuple[str, ...]] = ()  # whose versions train.json records

    def __init__(self, options: OptionsT, task: Task) -> None:
        self.options = options
        self.task = task

    def sources(self) -> dict[str, str]:
        """What else shapes the weights, name → sha256: train.json records it."""
        return {}

    @abstractmethod
    def train(self) -> dict[str, Any]:
        """Write the weights into the task's folder, and return what train.json should say of it.

        `left_out` (sample id → reason code) names the samples that could not be learnt from.
        """


@dataclass(frozen=True)
class Job:
    """A training with everything settled."""

    trainer: Trainer[Any]
    plan: dict[str, Any]
    passed: dict[str, Any]
    rank: int

    @property
    def folder(self) -> Path:
        return self.trainer.task.folder

    @property
    def finished(self) -> bool:
        return (self.folder / MANIFEST).is_file()


def prepare(
    name: str,
    split: Split,
    folder: Path,
    *,
    models: Path = Path("workspace/models"),
    cache: Path = Path("workspace/cache"),
    preset: str = "toy",
    descriptions: str | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> Job:
    """Settle a training; a call that cannot be served is a `BenchError`."""
    if split.frames_fingerprint is None:
        raise BenchError(
            f"Split '{split.name}' was made with --times-only and holds no frames: "
            "prepare it again with --videos DIR."
        )
    found = plugins.find("trainers", name)
    if preset not in found.presets:
        raise BenchError(f"{name} has no preset '{preset}'.{did_you_mean(preset, found.presets)}")
    share = Share.of_process()
    texts = load_descriptions(split.folder, descriptions) if descriptions else None
    passed = dict(options or {})
    chosen = _resolve(found, {**found.presets[preset], **passed}, name)
    place = resolve_device(device, share.local_rank)
    shown = progress and share.rank == 0
    trainer = found(chosen, Task(split, folder, models, cache, texts, seed, place, shown))
    plan = {
        "trainer": name,
        "preset": preset,
        "options": {"resolved": chosen.model_dump(mode="json", exclude=set(found.mechanics))},
        "seed": seed,
        "split": split.name,
        "subset": split.manifest.get("subset"),
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "descriptions": texts and texts.name,
        "descriptions_sha256": texts and texts.sha256,
        "sources": trainer.sources(),
    }
    return Job(trainer, plan, passed, share.rank)


def _resolve(found: type[Trainer[OptionsT]], values: dict[str, Any], name: str) -> OptionsT:
    return options.resolve(found.Options, values, f"train {name}")


def execute(job: Job, overwrite: bool = False) -> dict[str, Any]:
    """Train to the end, going on from the last checkpoint, and return train.json's content."""
    if not overwrite:
        _check(job)
        if job.finished:
            return dict(read_json(job.folder / MANIFEST))
    if job.rank == 0:
        _start(job, overwrite)
    told = job.trainer.train()
    chosen = job.trainer.options.model_dump(mode="json")
    manifest = job.plan | {"options": {"passed": job.passed, "resolved": chosen}} | told
    manifest |= {
        "device": provenance.device_name(job.trainer.task.device),
        "versions": provenance.versions(job.trainer.packages),
    }
    if job.rank == 0:
        write_json(job.folder / MANIFEST, manifest)
        (job.folder / PLAN).unlink(missing_ok=True)
    return manifest


def train(
    name: str, split: Split, folder: Path, *, overwrite: bool = False, **choices: Any
) -> dict[str, Any]:
    """Train `name` on a split into `folder`; `choices` are those of `prepare`."""
    return execute(prepare(name, split, folder, **choices), overwrite)


def _check(job: Job) -> None:
    """Refuse a folder that holds another training, or something else."""
    for name, state in ((MANIFEST, "a finished"), (PLAN, "an unfinished")):
        if (job.folder / name).is_file():
            changed = plans.changes(_comparable(job, read_json(job.folder / name)), job.plan)
            if changed:
                raise BenchError(
                    f"{job.folder} holds {state} training of another plan ({changed}): "
                    "name this one with --name, or replace that one with --overwrite."
                )
            return
    if job.folder.is_dir() and any(path.name[0] != "." for path in job.folder.iterdir()):
        raise BenchError(f"{job.folder} is not empty and holds no training: give another --name.")


def _comparable(job: Job, manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest without the options that leave the weights as they are."""
    resolved = manifest.get("options", {}).get("resolved", {})
    kept = {key: v for key, v in resolved.items() if key not in job.trainer.mechanics}
    return manifest | {"options": {"resolved": kept}}


def _start(job: Job, overwrite: bool) -> None:
    if overwrite and any((job.folder / name).is_file() for name in (MANIFEST, PLAN)):
        shutil.rmtree(job.folder)
    elif overwrite:
        _check(job)
    if not (job.folder / PLAN).is_file():
        write_json(job.folder / PLAN, job.plan)
