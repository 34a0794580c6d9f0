"""From weights that were trained in a workspace to those that come with the package."""

import shutil
from pathlib import Path
from typing import Any

import torch

from baselines.denoiser import toy as denoisers
from baselines.denoiser.latent_method import SAMPLING, read_sampling
from egoactgen_bench.files import read_json, replacing, write_json
from egoactgen_bench.training import MANIFEST
from lego.toy import WEIGHTS

OWN = ("unet", "text_encoder", "scheduler", "conditioner")  # of each denoiser, where it has it
SHARED = ("vae", "tokenizer")


def ship(models: Path, lego: str, ip2p: str, sd: str, vllm: str) -> str:
    """Replace the package's weights by these of the folder `models`; returns how large they are.

    Tensors are kept in float16. The denoisers stand on one autoencoder.
    """
    for part in SHARED:
        _copy(models / lego / part, denoisers.SHARED / part)
    for source, folder in (
        (models / lego, WEIGHTS / "lego"),
        (models / ip2p, denoisers.FOLDER / "ip2p"),
        (models / sd, denoisers.FOLDER / "sd"),
    ):
        for part in OWN:
            if (source / part).is_dir():
                _copy(source / part, folder / part)
        write_json(folder / MANIFEST, _placeless(read_json(source / MANIFEST)))
        write_json(folder / SAMPLING, read_sampling(source) | _vllm(source))
    _copy(models / vllm, WEIGHTS / "vllm")
    roots = (denoisers.FOLDER, WEIGHTS)
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes"


def _vllm(source: Path) -> dict[str, Any]:
    """LEGO's frames are described by the VLLM that comes with it."""
    return {"vllm": denoisers.NAME} if (source / "conditioner").is_dir() else {}


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
