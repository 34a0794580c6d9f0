"""Copy weights trained in a workspace into the packages.

python -m benchmarks.toy_kitchen.ship_weights workspace/models
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch

from egoactgen_baselines import toy as baselines_toy
from egoactgen_bench.api.weights_folder import SHIPPED
from egoactgen_bench.artifacts.manifest_base import checksum_of
from egoactgen_bench.artifacts.manifests import TRAIN
from egoactgen_bench.diffusion.denoiser.latent_method import SAMPLING, read_sampling
from egoactgen_bench.support.files import read_json, sha256_file, write_json
from egoactgen_bench.support.replacing import replacing
from egoactgen_bench.toy import DENOISER_WEIGHTS
from egoactgen_lego.toy import WEIGHTS

OWN = ("unet", "scheduler", "conditioner")  # folders of each denoiser, if present
SHARED = ("vae", "tokenizer", "text_encoder")


def ship(models: Path, lego: str, ip2p: str, sd: str, vllm: str) -> str:
    """Replace the packages' weights with those in the folder `models`; return their size.

    Tensors are stored in float16. All denoisers share one autoencoder and one text encoder.
    """
    for part in SHARED:
        if len({_content(models / name / part) for name in (lego, ip2p, sd)}) > 1:
            raise SystemExit(f"{lego}, {ip2p} and {sd} do not have the same {part}/.")
    for part in SHARED:
        copy_halved(models / lego / part, DENOISER_WEIGHTS / part)
    for source, folder in (
        (models / lego, WEIGHTS / "lego"),
        (models / ip2p, baselines_toy.FOLDER / "ip2p"),
        (models / sd, baselines_toy.FOLDER / "sd"),
    ):
        for part in SHARED:  # an own one would take the place of the shared one
            shutil.rmtree(folder / part, ignore_errors=True)
        for part in OWN:
            if (source / part).is_dir():
                copy_halved(source / part, folder / part)
        copy_card(source, folder)
        write_json(folder / SAMPLING, read_sampling(source) | _vllm(source))
    copy_halved(models / vllm, WEIGHTS / "vllm")
    roots = (baselines_toy.FOLDER, DENOISER_WEIGHTS, WEIGHTS)
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes"


def _content(folder: Path) -> tuple[tuple[str, str], ...]:
    """Names and hashes of a folder's files without configurations, which libraries extend."""
    files = sorted(path for path in folder.iterdir() if not path.name.endswith("config.json"))
    return tuple((path.name, sha256_file(path)) for path in files)


def _vllm(source: Path) -> dict[str, Any]:
    """The sampling option of LEGO that selects the VLLM shipped with it."""
    return {"vllm": SHIPPED} if (source / "conditioner").is_dir() else {}


def without_paths(value: Any) -> Any:
    """The contents of a JSON file, without paths of the machine on which it was written."""
    if isinstance(value, dict):
        return {key: without_paths(each) for key, each in value.items() if key != "_name_or_path"}
    if isinstance(value, list):
        return [without_paths(each) for each in value]
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value


def copy_card(source: Path, target: Path) -> None:
    """Copy a model card without local paths; its checksum is that of what remains."""
    content = without_paths(read_json(source / TRAIN))
    write_json(target / TRAIN, content | {"checksum": checksum_of(content)})


def copy_halved(source: Path, target: Path) -> None:
    """Copy a folder's files, without subfolders, with tensors in half precision."""
    from safetensors.torch import load_file, save_file

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(path for path in source.iterdir() if path.is_file()):
        if path.name == "config.json":
            write_json(target / path.name, without_paths(read_json(path)))
            continue
        if path.name == TRAIN:
            copy_card(source, target)
            continue
        if path.suffix != ".safetensors":
            shutil.copyfile(path, target / path.name)
            continue
        halved = {
            name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
            for name, tensor in load_file(path).items()
        }
        with replacing(target / path.name) as new:
            save_file(halved, new, metadata={"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.toy_kitchen.ship_weights")
    parser.add_argument("models", type=Path, help="a workspace's models/")
    for name in ("lego", "ip2p", "sd"):
        parser.add_argument(f"--{name}", default=f"shipped-{name}", metavar="NAME")
    parser.add_argument("--vllm", default="vllm-shipped", metavar="NAME")
    chosen = parser.parse_args()
    print(ship(chosen.models, chosen.lego, chosen.ip2p, chosen.sd, chosen.vllm))


if __name__ == "__main__":
    main()
