"""Rewrites weights folders into the other layouts in which they are published."""

import hashlib
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def plain(folder: Path, out: Path) -> Path:
    """A copy of the folder."""
    shutil.copytree(folder, out)
    return out


def half_precision_variant(folder: Path, out: Path) -> Path:
    """Tensors in files named *.fp16.safetensors only, in float16."""
    plain(folder, out)
    for path in list(out.rglob("*.safetensors")):
        tensors = {n: t.half() if t.is_floating_point() else t for n, t in load_file(path).items()}
        save_file(tensors, path.with_suffix(".fp16.safetensors"), {"format": "pt"})
        path.unlink()
    return out


def sharded(folder: Path, out: Path) -> Path:
    """Tensors of each file in two shards with an index."""
    plain(folder, out)
    for path in [*out.rglob("*.safetensors"), *out.rglob("*.bin")]:
        pickled = path.suffix == ".bin"
        tensors = torch.load(path, weights_only=True) if pickled else load_file(path)
        names = sorted(tensors)
        places = {}
        for number, chosen in enumerate((names[::2], names[1::2]), 1):
            shard = path.with_stem(f"{path.stem}-0000{number}-of-00002")
            part = {name: tensors[name] for name in chosen}
            torch.save(part, shard) if pickled else save_file(part, shard, {"format": "pt"})
            places |= dict.fromkeys(chosen, shard.name)
        index = path.with_name(f"{path.name}.index.json")
        index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
        path.unlink()
    return out


def repository(folder: Path, out: Path) -> Path:
    """The folder of a repository in the hub's cache: links in a snapshot to blobs."""
    out = out.with_name(f"models--owner--{out.name}")
    snapshot = out / "snapshots" / COMMIT
    for path in filter(Path.is_file, folder.rglob("*")):
        data = path.read_bytes()
        blob = out / "blobs" / hashlib.sha256(data).hexdigest()
        link = snapshot / path.relative_to(folder)
        for place in (blob, link):
            place.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link.symlink_to(Path(*[".."] * (len(link.relative_to(out).parts) - 1), "blobs", blob.name))
    (out / "refs").mkdir()
    (out / "refs" / "main").write_text(COMMIT)
    return out


def snapshot(folder: Path, out: Path) -> Path:
    """A snapshot in the hub's cache."""
    return repository(folder, out) / "snapshots" / COMMIT


LAYOUTS = (plain, half_precision_variant, sharded, repository, snapshot)
