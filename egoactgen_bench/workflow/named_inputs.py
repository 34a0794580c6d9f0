"""What the functions of the Python API accept in place of objects: names and paths."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError

Folder = Path | str
SplitInput = Split | Folder | None
RunInput = Run | Folder
RunsInput = RunInput | Sequence[RunInput] | None


def words(value: str | Sequence[str]) -> list[str]:
    """`"a"` and `["a"]` → `["a"]`."""
    return [value] if isinstance(value, str) else list(value)


def paths(value: Folder | Sequence[Folder]) -> list[Path]:
    """One path or several, as a list."""
    return [Path(value)] if isinstance(value, str | Path) else [Path(each) for each in value]


def path_or_none(value: Folder | None) -> Path | None:
    return None if value is None else Path(value)


def plugin_name(kind: str, plugin: str | type[Any]) -> str:
    """The name of a plug-in: as given, or of a class its registered name or `module:Class`.

    Raises `BenchError` for a class that its module does not contain under its name: artifacts
    record plug-ins by name, and resuming must find the same one.
    """
    if isinstance(plugin, str):
        return plugin
    place = f"{plugin.__module__}:{plugin.__qualname__}"
    if getattr(sys.modules.get(plugin.__module__), plugin.__qualname__, None) is not plugin:
        raise BenchError(
            f"The class {place} cannot be imported by its name: define it at the top level of a "
            "module or notebook."
        )
    points = plugins.registered(kind).values()
    return next((point.name for point in points if point.value == place), place)


def split_of(split: SplitInput, place: Workspace, *, train: bool = False) -> Split:
    """The split itself, or the one of that name or folder; None is the latest finished one."""
    if isinstance(split, Split):
        return split
    if split is None:
        return load_split(place.find_split(None, train))
    return load_split(split, workspace=place.root)


def runs_of(runs: RunsInput, split: Split, place: Workspace) -> list[Run]:
    """The runs themselves, or those of these names or folders; None is all finished ones."""
    if runs is None:
        runs = place.finished_runs(split.name)
    return [
        run if isinstance(run, Run) else load_run(run, split=split.name, workspace=place.root)
        for run in ([runs] if isinstance(runs, Run | str | Path) else runs)
    ]


def run_names(runs: RunsInput, split: Split, place: Workspace) -> list[str]:
    """The names of runs that must be in the workspace; None is all finished ones.

    Raises `BenchError` for a run in another folder: its name could belong to another run there.
    """
    found = runs_of(runs, split, place)
    for run in found:
        expected = place.run(split.name, run.name)
        if run.folder.resolve() != expected.resolve():
            raise BenchError(
                f"{run.folder} is not in the workspace: move it to {expected}, or pass workspace=."
            )
    return [run.name for run in found]
