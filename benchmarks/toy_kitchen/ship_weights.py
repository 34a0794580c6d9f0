"""From weights that were trained in a workspace to those that come with the package.

python -m benchmarks.toy_kitchen.ship_weights workspace/models
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch

from egoactgen_baselines import toy as baselines_toy
from egoactgen_bench.api.weights_folder import SHIPPED
from egoactgen_bench.artifacts.manifests import TRAIN
from egoactgen_bench.diffusion.denoiser.latent_method import SAMPLING, read_sampling
from egoactgen_bench.support.files import read_json, replacing, write_json
from egoactgen_bench.toy import DENOISER_WEIGHTS
from egoactgen_lego.toy import WEIGHTS

OWN = ("unet", "text_encoder", "scheduler", "conditioner")  # of each denoiser, where it has it
SHARED = ("vae", "tokenizer")


def ship(models: Path, lego: str, ip2p: str, sd: str, vllm: str) -> str:
    """Replace the package's weights by these of the folder `models`; returns how large they are.

    Tensors are kept in float16. The denoisers stand on one autoencoder.
    """
    for part in SHARED:
        _copy(models / lego / part, DENOISER_WEIGHTS / part)
    for source, folder in (
        (models / lego, WEIGHTS / "lego"),
        (models / ip2p, baselines_toy.FOLDER / "ip2p"),
        (models / sd, baselines_toy.FOLDER / "sd"),
    ):
        for part in OWN:
            if (source / part).is_dir():
                _copy(source / part, folder / part)
        write_json(folder / TRAIN, _placeless(read_json(source / TRAIN)))
        write_json(folder / SAMPLING, read_sampling(source) | _vllm(source))
    _copy(models / vllm, WEIGHTS / "vllm")
    roots = (baselines_toy.FOLDER, DENOISER_WEIGHTS, WEIGHTS)
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes"


def _vllm(source: Path) -> dict[str, Any]:
    """LEGO's frames are described by the VLLM that comes with it."""
    return {"vllm": SHIPPED} if (source / "conditioner").is_dir() else {}


def _placeless(told: Any) -> Any:
    """What a file says, without places on the machine where it was made."""
    if isinstance(told, dict):
        return {key: _placeless(value) for key, value in told.items() if key != "_name_or_path"}
    if isinstance(told, list):
        return [_placeless(value) for value in told]
    return Path(told).name if isinstance(told, str) and told.startswith("/") else told


def _copy(source: Path, target: Path) -> None:
    """A folder's files, none deeper, tensors halved."""
    from safetensors.torch import load_file, save_file

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(path for path in source.iterdir() if path.is_file()):
        if path.name == "config.json":
            write_json(target / path.name, _placeless(read_json(path)))
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
        parser.add_argument(f"--{name}", default=f"{name}-toy-kitchen-train", metavar="NAME")
    parser.add_argument("--vllm", default="vllm-toy", metavar="NAME")
    chosen = parser.parse_args()
    print(ship(chosen.models, chosen.lego, chosen.ip2p, chosen.sd, chosen.vllm))


if __name__ == "__main__":
    main()
