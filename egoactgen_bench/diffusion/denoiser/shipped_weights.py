"""The toy weights that come with the packages: the default of each method, on the toy kitchen."""

import shutil
from pathlib import Path

from egoactgen_bench.api.toy_weights import are_toy
from egoactgen_bench.api.weights_folder import SHIPPED, means_shipped
from egoactgen_bench.artifacts.manifests import TRAIN
from egoactgen_bench.support.replacing import replacing_folder
from egoactgen_bench.toy import DENOISER_WEIGHTS


def find(name: str | None, own: Path | None, models: Path) -> Path | None:
    """The toy weights if `name` refers to them and no folder in `models` has this name."""
    return unpack(own, models) if own is not None and means_shipped(name, models) else None


def unpack(own: Path, models: Path) -> Path:
    """The weights folder `models`/toy-…: a method's `own` part and the shared networks."""
    out = models / f"{SHIPPED}-{own.name}"
    if _same(out / TRAIN, own / TRAIN):
        return out
    try:
        with replacing_folder(out) as new:
            shutil.copytree(DENOISER_WEIGHTS, new, dirs_exist_ok=True)
            shutil.copytree(own, new, dirs_exist_ok=True)
    except OSError:
        if not _same(out / TRAIN, own / TRAIN):  # otherwise another process was faster
            raise
    return out


def notices(weights: Path) -> list[str]:
    """Warnings for users of a weights folder."""
    if not (weights / TRAIN).is_file() or not are_toy(weights):
        return []
    return [f"The weights '{weights.name}' are small and were trained only on the toy kitchen."]


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and one.read_bytes() == other.read_bytes()
