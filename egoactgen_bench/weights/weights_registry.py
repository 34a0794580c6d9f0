"""The registry of published weights, and what of it lies in a weights folder."""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.support.provenance import files_in, hashes

LOCK = "weights.lock.json"


class Weight(BaseModel):
    """One entry: a file, or a folder of a hub repository's `files` (glob patterns)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    licence: str
    used_by: tuple[str, ...]
    about: str
    url: str | None = None
    repository: str | None = None
    revision: str | None = None
    file: str | None = None  # within the repository, where the weight is that one file
    files: tuple[str, ...] = ()
    sha256: str | None = None
    sha256_prefix: str | None = None

    @property
    def source(self) -> str:
        return f"{self.repository}@{self.revision}" if self.repository else str(self.url)

    @property
    def is_folder(self) -> bool:
        return bool(self.files)


@cache
def registry() -> dict[str, Weight]:
    """Every entry by name, in the registry's order."""
    text = (files("egoactgen_bench.weights") / "registry.toml").read_text(encoding="utf-8")
    entries = [Weight.model_validate(entry) for entry in tomllib.loads(text)["weights"]]
    return {entry.name: entry for entry in entries}


def find(name: str) -> Weight:
    """The entry of that name."""
    if name not in registry():
        raise BenchError(f"No weights are registered as '{name}'.{did_you_mean(name, registry())}")
    return registry()[name]


def locked(folder: Path) -> dict[str, dict[str, str]]:
    """Name → file → sha256 of what was fetched into a weights folder."""
    path = folder / LOCK
    found = read_json(path) if path.is_file() else {}
    if not isinstance(found, dict):
        raise BenchError(f"{path} holds no JSON object: restore it or remove it.")
    return found


def lock(folder: Path, name: str, hashes: dict[str, str]) -> None:
    """Note the hashes of an entry that was fetched."""
    write_json(folder / LOCK, dict(sorted((locked(folder) | {name: hashes}).items())))


def hashes_of(path: Path) -> dict[str, str]:
    """sha256 of a file (under its own name) or of every file in a folder that is not hidden."""
    root = path.parent if path.is_file() else path
    return hashes([file for file in files_in(path) if not file.name.startswith(".")], root)


def differences(weight: Weight, folder: Path) -> list[str] | None:
    """What in a weights folder differs from the registry or the lock; None where it is absent.

    An empty list also where nothing is known to compare with: see `is_vouched`.
    """
    path = folder / weight.name
    if not path.exists():
        return None
    got = hashes_of(path)
    wanted = locked(folder).get(weight.name, {})
    problems = [
        f"{name}: missing" if name not in got else f"{name}: sha256 {got[name]}, locked {value}"
        for name, value in wanted.items()
        if got.get(name) != value
    ]
    return problems + published_mismatch(weight, got.get(weight.name, ""))


def published_mismatch(weight: Weight, sha256: str) -> list[str]:
    """Whether a file's hash is another than the published one."""
    published = weight.sha256 or weight.sha256_prefix
    if published is None or sha256.startswith(published):
        return []
    return [f"{weight.name}: sha256 {sha256}, published {published}"]


def is_vouched(weight: Weight, folder: Path) -> bool:
    """Whether there is a hash to compare with: a published one, or a lock."""
    return bool(weight.sha256 or weight.sha256_prefix or weight.name in locked(folder))
