"""The toy kitchen's weights, which come with the package: the default of each method."""

import shutil
import tempfile
from pathlib import Path

from egoactgen_bench.files import read_json
from egoactgen_bench.training import MANIFEST

NAME = "toy"
FOLDER = Path(__file__).parents[1] / "toy"
SHARED = FOLDER / "shared"  # what all of them stand on: the autoencoder and the tokenizer


def find(name: str | None, own: Path, models: Path) -> Path | None:
    """The shipped weights where `name` means them: nothing at hand has their name."""
    if name != NAME or Path(NAME).exists() or (models / NAME).exists():
        return None
    return unpack(own, models)


def unpack(own: Path, models: Path) -> Path:
    """The weights folder `models`/toy-…, made of a method's `own` part and what all share."""
    out = models / f"{NAME}-{own.name}"
    if _same(out / MANIFEST, own / MANIFEST):
        return out
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=f".{out.name}.") as temporary:
        new = Path(temporary) / out.name
        shutil.copytree(SHARED, new)
        shutil.copytree(own, new, dirs_exist_ok=True)
        try:
            if out.exists():  # of another version of the package
                out.rename(Path(temporary) / "old")
            new.rename(out)
        except OSError:
            if not _same(out / MANIFEST, own / MANIFEST):  # else another process was faster
                raise
    return out


def notices(weights: Path) -> list[str]:
    """What the user of a weights folder must know."""
    path = weights / MANIFEST
    if not (path.is_file() and read_json(path).get("split", "").startswith("toy-kitchen")):
        return []
    return [f"The weights '{weights.name}' are small, and know the toy kitchen alone."]


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and one.read_bytes() == other.read_bytes()
