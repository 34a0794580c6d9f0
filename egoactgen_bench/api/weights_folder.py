"""A folder of weight files under their published names, or of others that stand in for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.support.files import read_json

STAND_INS = "stand-ins.json"
SHIPPED = "toy"  # names the weights that come with the packages, wherever weights are named


@dataclass(frozen=True)
class WeightsFolder:
    """Where weights are looked up; with `stand_ins` only files named there are used.

    `stand_ins` maps a published name to the file that stands in for it; `label` is what
    signatures and messages call such a folder ("toy"), empty for published weights.
    """

    path: Path
    label: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    def paths(self, names: Sequence[str]) -> list[Path]:
        """Where the alternatives `names` of a needed file may be."""
        if self.label:
            names = [self.stand_ins[name] for name in names if name in self.stand_ins]
        return [self.path / name for name in names]


@cache
def open_weights_folder(path: Path) -> WeightsFolder:
    """The folder at `path`, with the stand-ins that its `stand-ins.json` declares, if any."""
    declared = path / STAND_INS
    if not declared.is_file():
        return WeightsFolder(path)
    content = read_json(declared)
    return WeightsFolder(path, content["name"], content["files"])


def means_shipped(name: str | None, *folders: Path) -> bool:
    """Whether `name` is that of the shipped weights, and nothing here or in `folders` has it."""
    return name == SHIPPED and not any((place / name).exists() for place in (Path(), *folders))


def locate(name: str, models: Path, noun: str = "weights") -> Path:
    """The file or folder that `name` means: a path, else a name in the folder `models`."""
    for path in (Path(name), models / name):
        if path.exists():
            return path
    known = [path.name for path in models.glob("*") if not path.name.startswith(".")]
    raise BenchError(
        f"Unknown {noun} '{name}': no such path, and nothing of that name in {models}."
        + did_you_mean(name, known)
    )
