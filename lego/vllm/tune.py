"""The stage `tune`: visual instruction tuning (section 3.1 of the paper)."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from egoactgen_bench import provenance
from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import read_json, sha256_file, write_json
from egoactgen_bench.options import resolve
from lego.vllm.instructions import read_instructions
from lego.vllm.model import check_folder
from lego.vllm.tuning import Tuning, TuningOptions

MANIFEST, PLAN = "train.json", "plan.json"
# Options that do not shape the result; a tuning may go on with others.
MECHANICS = {"checkpoint_every", "gradient_checkpointing", "micro_batch"}
PACKAGES = ("accelerate", "deepspeed", "peft", "tokenizers", "torch", "transformers")


def tune(
    weights: Path,
    data: Path,
    images: Path,
    out: Path,
    *,
    options: dict[str, Any] | None = None,
    told: dict[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Tune the LLaVA in `weights` on the instructions of `data`; returns the manifest of `out`.

    `out` appears when it is whole, a folder that `enrich` and `embed` take. Until then, checkpoints
    stand in `<out>.parts/`, from which the same call goes on. `told` is kept in the manifest.
    """
    passed = options or {}
    chosen = resolve(TuningOptions, passed, "tune")
    check_folder(weights)
    instructions = read_instructions(data, images)
    parts = out.with_name(f"{out.name}.parts")
    tuning = Tuning(weights, instructions, chosen, parts, seed, device)
    told_options = {"passed": passed, "resolved": chosen.model_dump()}
    main = tuning.accelerator.is_main_process
    finished = (out / MANIFEST).is_file() and not overwrite
    if main:
        plan = {
            "method": "vllm",
            "options": {"resolved": chosen.model_dump(exclude=MECHANICS)},
            "seed": seed,
            "data": {"name": data.name, "sha256": sha256_file(data), "count": len(instructions)},
            "base": {"name": weights.resolve().name, "weights": _hashes(weights)},
            **(told or {}),
        }
        launch = f"{tuning.accelerator.num_processes} × {tuning.accelerator.distributed_type.value}"
        _begin(plan, out, parts, launch, overwrite)
    tuning.accelerator.wait_for_everyone()
    if not finished:
        tuning.prepare()
        tuning.run(progress and main)
        values = tuning.result()
        if main:
            _finish(tuning, values, plan | {"options": told_options}, out)
            shutil.rmtree(parts)
        tuning.accelerator.wait_for_everyone()
    found: dict[str, Any] = read_json(out / MANIFEST)
    return found


def _begin(plan: dict[str, Any], out: Path, parts: Path, launch: str, overwrite: bool) -> None:
    """Leave the plan beside the checkpoints; refuse another one unless it is to be overwritten."""
    if overwrite:
        shutil.rmtree(parts, ignore_errors=True)
    elif out.exists() and not (out / MANIFEST).is_file():
        raise BenchError(f"{out} holds no tuning: choose another --name, or --overwrite.")
    for path, wanted in ((out / MANIFEST, plan), (parts / PLAN, plan | {"launch": launch})):
        if path.is_file() and not overwrite:
            found = read_json(path)
            resolved = found.get("options", {}).get("resolved", {})
            kept = {key: value for key, value in resolved.items() if key not in MECHANICS}
            found |= {"options": {"resolved": kept}}
            changed = [key for key in wanted if found.get(key) != wanted[key]]
            if changed:
                raise BenchError(
                    f"{path} was made otherwise ({', '.join(changed)}): "
                    "choose another --name, or replace it with --overwrite."
                )
    if overwrite or not out.exists():
        write_json(parts / PLAN, plan | {"launch": launch})


def _finish(tuning: Tuning, values: dict[str, Any], plan: dict[str, Any], out: Path) -> None:
    """Write the whole folder under another name, the manifest last, and give it its own."""
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name[:40]}.") as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        for path in tuning.weights.iterdir():
            if path.is_file() and not _replaced(path.name):
                shutil.copyfile(path, made / path.name)
        tuning.save(values, made)
        device = provenance.device_name(str(tuning.accelerator.device))
        manifest = plan | {
            "weights": {
                path.name: sha256_file(path) for path in sorted(made.glob("*.safetensors"))
            },
            "steps": tuning.steps,
            **tuning.curve.summary(),
            "device": f"{tuning.accelerator.num_processes} × {device}",
            "versions": provenance.versions(PACKAGES),
        }
        write_json(made / MANIFEST, manifest)
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)


def _replaced(name: str) -> bool:
    """Whether a file of the model begun with says nothing about the tuned one."""
    weights = (".safetensors", ".bin", ".index.json")
    return name.endswith(weights) or name in (MANIFEST, "conversion.json")


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: sha256_file(path) for path in files}
