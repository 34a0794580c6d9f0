"""A folder of weight files under their published names, or of small stand-ins for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from egoactgen_bench.api.published_weights import how_to_get
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.hub_snapshots import repository_of, snapshot_in
from egoactgen_bench.support.regular_files import is_relative_name

STAND_INS = "stand-ins.json"
SHIPPED = "toy"  # the name of the weights included in the packages, wherever weights are named


@dataclass(frozen=True)
class WeightsFolder:
    """A folder in which weights are looked up; with `stand_ins`, only files named there are used.

    `stand_ins` maps a published name to its stand-in. `label` is the name of such a folder in
    signatures and messages ("toy"), and empty for published weights.
    """

    path: Path
    label: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    def find(self, names: Sequence[str]) -> Path | None:
        """The first of the alternatives `names` that the folder has, or its stand-in."""
        if self.label:
            names = [self.stand_ins[name] for name in names if name in self.stand_ins]
        found = next((path for name in names if (path := self.path / name).exists()), None)
        return found and snapshot_in(found)

    def signed(self, path: Path) -> str:
        """A file's name in signatures: `toy/clip` for a stand-in, else its own."""
        path = repository_of(path)
        return f"{self.label}/{path.name}" if self.label else path.name


@cache
def open_weights_folder(path: Path) -> WeightsFolder:
    """The folder at `path`, with the stand-ins that its `stand-ins.json` declares, if any.

    Raises `BenchError` if that file is malformed, or names files outside of the folder.
    """
    declared = path / STAND_INS
    if not declared.is_file():
        return WeightsFolder(path)
    content = read_json(declared)
    label = content.get("name") if isinstance(content, dict) else None
    files = content.get("files") if isinstance(content, dict) else None
    if not (
        isinstance(label, str)
        and label
        and isinstance(files, dict)
        and all(isinstance(name, str) and is_relative_name(name) for name in files.values())
    ):
        raise BenchError(
            f"{declared} is not an object with a 'name' and 'files', which maps published names to "
            "files of the folder: remove it, unless the folder contains stand-ins."
        )
    return WeightsFolder(path, label, files)


def means_shipped(name: str | None, *folders: Path) -> bool:
    """Whether `name` means the shipped weights: no file here or in `folders` has that name."""
    return name == SHIPPED and not any((place / name).exists() for place in (Path(), *folders))


def locate(name: str, models: Path, noun: str = "weights", plugin: type[Any] | None = None) -> Path:
    """The file or folder `name`: a path, or a name in the folder `models`.

    Raises `BenchError` if it is missing, with the way to get it if `plugin` declares it.
    """
    for path in (Path(name), models / name):
        if path.exists():
            return snapshot_in(path)
    if name in {weights.name for weights in getattr(plugin, "published_weights", ())}:
        how = how_to_get([name], plugin or object, models)
        raise BenchError(f"The {noun} '{name}' are not in {models}: {how}.")
    known = [path.name for path in models.glob("*") if not path.name.startswith(".")]
    raise BenchError(
        f"Unknown {noun} '{name}': neither a path nor a name in {models}."
        + did_you_mean(name, known)
    )
