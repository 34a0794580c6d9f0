"""The published weights that plug-ins declare, and which of them a weights folder contains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.support.provenance import files_in, hashes

LOCK = "weights.lock.json"
DECLARING = ("metrics", "methods", "trainers", "converters", "datasets")


@dataclass(frozen=True)
class Declared:
    """Published weights, and the plug-ins that declare them."""

    weights: PublishedWeights
    used_by: list[str]


def registry(extra: Sequence[str] = ()) -> list[Declared]:
    """Weights declared by all registered plug-ins and by `extra` (`module:Class`), sorted by name.

    Two plug-ins may declare the same weights; if their declarations differ, both are listed.
    Registered plug-ins that cannot be imported are left out: `bench methods` … report them.
    """
    found: list[Declared] = []
    for name, plugin in [*_registered(), *((name, plugins.find_any(name)) for name in extra)]:
        for weights in getattr(plugin, "published_weights", ()):
            same = next((each for each in found if each.weights == weights), None)
            if same is None:
                found.append(Declared(weights, [name]))
            elif name not in same.used_by:
                same.used_by.append(name)
    return sorted(found, key=lambda each: each.weights.name.lower())


def _registered() -> list[tuple[str, Any]]:
    found = []
    for kind in DECLARING:
        for name, point in plugins.registered(kind).items():
            try:
                found.append((name, point.load()))
            except Exception:  # noqa: BLE001  one broken plug-in must not hide the others' weights
                continue
    return found


def find(name: str, declared: Sequence[Declared]) -> PublishedWeights:
    """The weights of a name; raises `BenchError` if there are none, or two that differ."""
    found = [each for each in declared if each.weights.name == name]
    if not found:
        known = {each.weights.name for each in declared}
        raise BenchError(
            f"No plug-in declares weights named '{name}'.{did_you_mean(name, known)} Weights of a "
            "plug-in that is not registered need --plugin module:Class."
        )
    if len(found) > 1:
        users = "; ".join(", ".join(each.used_by) for each in found)
        raise BenchError(
            f"Plug-ins declare different weights named '{name}' ({users}): rename one of them."
        )
    return found[0].weights


def locked(folder: Path) -> dict[str, dict[str, str]]:
    """Name → file → sha256 of the weights fetched into a folder, from its weights.lock.json."""
    path = folder / LOCK
    found = read_json(path) if path.is_file() else {}
    if not isinstance(found, dict):
        raise BenchError(f"{path} does not contain a JSON object: restore or remove it.")
    return found


def lock(folder: Path, name: str, hashes: Mapping[str, str]) -> None:
    """Record the hashes of fetched weights."""
    write_json(folder / LOCK, dict(sorted((locked(folder) | {name: dict(hashes)}).items())))


def hashes_of(path: Path) -> dict[str, str]:
    """File name → sha256, of a file or of the files of a folder."""
    root = path.parent if path.is_file() else path
    return hashes(files_in(path), root)


def differences(weights: PublishedWeights, folder: Path) -> list[str] | None:
    """How weights in a folder differ from the published or locked hashes; None if they are absent.

    Also empty if no hash is known to compare with: see `has_known_hash`.
    """
    path = folder / weights.name
    if not path.exists():
        return None
    got = hashes_of(path)
    wanted = locked(folder).get(weights.name, {})
    problems = [
        f"{name}: missing" if name not in got else f"{name}: sha256 {got[name]}, locked {value}"
        for name, value in wanted.items()
        if got.get(name) != value
    ]
    return problems + published_mismatches(weights, got)


def published_mismatches(weights: PublishedWeights, found: Mapping[str, str]) -> list[str]:
    """One line per file with another hash than the published one."""
    return [
        f"{name}: sha256 {found.get(name, 'missing')}, published {published}"
        for name, published in weights.published_hashes.items()
        if found.get(name) != published
    ]


def has_known_hash(weights: PublishedWeights, folder: Path) -> bool:
    """Whether a published or locked hash exists to compare with."""
    return bool(weights.published_hashes or weights.name in locked(folder))
