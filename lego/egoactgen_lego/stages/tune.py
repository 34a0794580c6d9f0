"""The stage `tune`: visual instruction tuning (section 3.1 of the paper)."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egoactgen_bench.api.options import chosen, resolve
from egoactgen_bench.api.toy_weights import UNTRAINED
from egoactgen_bench.api.tracker_log import open_log
from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import CONVERSION, SPLIT, TRAIN
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.support import provenance
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.replacing import replacing_folder
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.support.training_costs import require_memory
from egoactgen_lego.lego_manifests import TuneManifest
from egoactgen_lego.options.tune_options import TuneOptions
from egoactgen_lego.vllm import tuning_costs
from egoactgen_lego.vllm.instructions import check_words, read_instructions
from egoactgen_lego.vllm.tuning_loop import Tuning, TuningOptions
from egoactgen_lego.vllm.vllm_model import check_folder, tokenizer_of

# Options that do not affect the result; a tuning may be resumed with other values.
NOT_COMPARED = frozenset({"checkpoint_every", "gradient_checkpointing", "memory", "micro_batch"})
PACKAGES = ("accelerate", "deepspeed", "peft", "tokenizers", "torch", "transformers")


def tune(
    weights: Path,
    data: Path,
    images: Path,
    out: Path,
    asked: TuneOptions | None = None,
    *,
    about: Mapping[str, Any] | None = None,
    dataset: str | None = None,
    progress: bool = False,
    **choices: Any,
) -> TuneManifest:
    """Tune the LLaVA in `weights` on the instructions of `data`; returns the manifest of `out`.

    `out`, a folder for `enrich` and `embed`, appears when it is complete. Until then, checkpoints
    are in `<out>.parts/`, from which the same call resumes. `about` and `dataset`, by default
    that of `images` if they are a split, are added to the manifest; only `about` is compared with
    that of an earlier call. `asked` and `choices` are fields of `TuneOptions`; `choices` override
    `asked`.
    """
    settled = chosen(TuneOptions, asked, choices, "tune")
    own = resolve(TuningOptions, settled.options, "tune")
    if dataset is None and (images / SPLIT).is_file():
        dataset = load_split(images).manifest.dataset
    log = open_log(settled.log_to, settled.log_project, settled.logs)
    check_folder(weights)
    instructions = read_instructions(data, images)
    parts = out.with_name(f"{out.name}.parts")
    finished = (out / TRAIN).is_file() and not settled.overwrite
    if not finished:
        check_words(data, instructions, tokenizer_of(weights))
    fitted = own if finished else _fitted(weights, own, len(instructions), settled.device)
    tuning = Tuning(weights, instructions, fitted, parts, settled.seed, settled.device, log)
    main = tuning.accelerator.is_main_process
    if main:
        base = {"name": weights.resolve().name, "weights": _hashes(weights)}
        launch = f"{tuning.accelerator.num_processes} × {tuning.accelerator.distributed_type.value}"
        work = WorkFolder(
            out / TRAIN,
            TuneManifest,
            {
                "method": "vllm",
                "options": {"resolved": own.model_dump(exclude=set(NOT_COMPARED))},
                "seed": settled.seed,
                "data": {
                    "name": data.name,
                    "sha256": sha256_file(data),
                    "count": len(instructions),
                },
                "base": base,
                **(about or {}),
            },
            parts / PLAN,
            while_unfinished={"launch": launch},
            not_compared=NOT_COMPARED,
        )
        work.check(settled.overwrite)
        if settled.overwrite:
            shutil.rmtree(parts, ignore_errors=True)
        if not finished and not work.plan_file.is_file():
            work.reopen()
    tuning.accelerator.wait_for_everyone()
    if not finished:
        tuning.prepare()
        tuning.run(progress and main)
        values = tuning.result()
        if main:
            passed = {"passed": dict(settled.options), "resolved": own.model_dump()}
            _finish(tuning, values, work, {"options": passed, "dataset": dataset})
            shutil.rmtree(parts)
        tuning.accelerator.wait_for_everyone()
    return read_manifest(out / TRAIN, TuneManifest)


def costs(weights: Path, data: Path, images: Path, asked: TuneOptions) -> list[str]:
    """What a tuning would take, as lines; weights are not read, and nothing is written."""
    own = resolve(TuningOptions, asked.options, "tune")
    shard = ProcessShard.of_process()
    count = len(read_instructions(data, images))
    device = resolve_device(asked.device, shard.local_rank)
    name = provenance.device_name(device) if device.startswith("cuda") else None
    plan = tuning_costs.plan(weights, own, count, tuning_costs.Launch.of_process(shard.ranks))
    return plan.lines(name, own.memory)


def _fitted(weights: Path, options: TuningOptions, count: int, device: str) -> TuningOptions:
    """The options, with a micro-batch for which the device's memory suffices."""
    shard = ProcessShard.of_process()
    device = resolve_device(device, shard.local_rank)
    if options.memory is None and not device.startswith("cuda"):
        return options
    launch = tuning_costs.Launch.of_process(shard.ranks)
    plan = tuning_costs.plan(weights, options, count, launch)
    require_memory(plan, device, options.memory, tuning_costs.SMALLER)
    return options.model_copy(update={"micro_batch": plan.micro_batch})


def _finish(
    tuning: Tuning,
    values: dict[str, Any],
    work: WorkFolder[TuneManifest],
    facts: dict[str, Any],
) -> None:
    """Write the folder under a temporary name, the manifest last, and rename it."""
    with replacing_folder(work.folder) as new:
        for path in tuning.weights.iterdir():
            if path.is_file() and not _replaced(path.name):
                shutil.copyfile(path, new / path.name)
        tuning.save(values, new)
        device = provenance.device_name(str(tuning.accelerator.device))
        content = facts | {
            "weights": provenance.hashes(sorted(new.glob("*.safetensors"))),
            "steps": tuning.steps,
            **tuning.curve.summary(),
            "device": f"{tuning.accelerator.num_processes} × {device}",
            "versions": provenance.versions(PACKAGES),
        }
        work.finish(content, new / TRAIN)


def _replaced(name: str) -> bool:
    """Whether a file of the initial model does not apply to the tuned one."""
    weights = (".safetensors", ".bin", ".index.json")
    return name.endswith(weights) or name in (TRAIN, CONVERSION, UNTRAINED)


def _hashes(folder: Path) -> dict[str, str]:
    return provenance.hashes(sorted(path for path in folder.iterdir() if path.is_file()))
