"""Keep the shared weights of a workspace in 16 bits, or make the kept VLLMs ready for use.

    python -m benchmarks.laboratory.keep_weights MODELS KEPT
    python -m benchmarks.laboratory.keep_weights --ready KEPT MODELS

The VLLMs share one frozen vision tower, which is kept once, with the first of them.
"""

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.laboratory.materials import VLLMS
from benchmarks.toy_kitchen.ship_weights import copy_card, copy_halved
from egoactgen_bench.diffusion.denoiser.latent_method import SAMPLING
from egoactgen_bench.support.files import read_json, sha256_file, write_json
from egoactgen_bench.support.replacing import replacing, replacing_folder

BASE = ("unet", "text_encoder", "scheduler", "vae", "tokenizer")
TENSORS, TOWER, HASHES = "model.safetensors", "vision_tower.", "weights.json"


def keep(models: Path, kept: Path) -> None:
    for part in BASE:
        copy_halved(models / "lab-editor" / part, kept / "base" / part)
    copy_card(models / "lab-editor", kept / "base")
    shutil.copyfile(models / "lab-editor" / SAMPLING, kept / "base" / SAMPLING)
    for name in VLLMS:
        folder = kept / f"vllm-{name}"
        copy_halved(models / f"vllm-lab-{name}", folder)
        for path in folder.glob("*.csv"):
            path.unlink()
        if name != VLLMS[0]:
            _remove_tower(folder / TENSORS, kept / f"vllm-{VLLMS[0]}" / TENSORS)
    hashes = {
        str(path.relative_to(kept)): sha256_file(path)
        for path in sorted(kept.rglob("*.safetensors"))
    }
    write_json(kept / HASHES, hashes)


def ready(kept: Path, models: Path) -> None:
    for path, digest in read_json(kept / HASHES).items():
        if sha256_file(kept / path) != digest:
            raise SystemExit(f"{kept / path} has changed: restore it.")
    for name in VLLMS:
        with replacing_folder(models / f"lab-kept-{name}") as new:
            shutil.copytree(kept / f"vllm-{name}", new, dirs_exist_ok=True)
            if name != VLLMS[0]:
                _add_tower(new / TENSORS, kept / f"vllm-{VLLMS[0]}" / TENSORS)


def _remove_tower(path: Path, owner: Path) -> None:
    """Leave the vision tower out of a file of tensors, as it is that of `owner`."""
    tensors = load_file(path)
    if any(not tensors.pop(name).equal(tensor) for name, tensor in _tower(owner).items()):
        raise SystemExit(f"{path.parent.name} has another vision tower than {owner.parent.name}.")
    _write(tensors, path)


def _add_tower(path: Path, owner: Path) -> None:
    _write(load_file(path) | _tower(owner), path)


def _tower(path: Path) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in load_file(path).items() if TOWER in name}


def _write(tensors: dict[str, Tensor], path: Path) -> None:
    with replacing(path) as new:
        save_file(tensors, new, metadata={"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ready", action="store_true")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    chosen = parser.parse_args()
    (ready if chosen.ready else keep)(chosen.source, chosen.target)


if __name__ == "__main__":
    main()
