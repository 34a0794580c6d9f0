"""What the functions of the Python API accept in place of objects: names, paths and classes."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.trainings import Training
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.safe_names import is_safe_id
from egoactgen_bench.workflow.loading import load_run, load_split

Folder = Path | str
SplitInput = Split | Folder | None
RunInput = Run | Folder
RunsInput = RunInput | Iterable[RunInput] | None


def workspace_of(workspace: Folder | None, split: SplitInput = None) -> Workspace:
    """The workspace that was given, else the one that contains the split, else the default one."""
    if workspace is None and isinstance(split, Split) and split.folder.parent.name == "splits":
        return Workspace.of(split.folder.parents[1])
    return Workspace.of(workspace)


def split_of(split: SplitInput, place: Workspace, *, train: bool = False) -> Split:
    """The split itself, or the one of that name or folder; None is the latest finished one."""
    if split is None:
        split = place.find_split(None, train)
    return load_split(split, workspace=place.root)


def runs_of(runs: RunsInput, split: Split, place: Workspace) -> list[Run]:
    """The runs themselves, or those of these names or folders; None is all finished ones."""
    if runs is None:
        runs = place.finished_runs(split.name)
    found = [load_run(run, split=split, workspace=place.root) for run in items(runs, Run, "runs")]
    return list({run.folder.resolve(): run for run in found}.values())


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


def items(value: Any, kind: type[Any], name: str) -> list[Any]:
    """One item or several, as a list. Raises `BenchError` if there are none."""
    found = [value] if isinstance(value, str | Path | kind) else value
    if isinstance(found, dict) or not isinstance(found, Iterable):
        raise BenchError(f"{name} must be one or several, not {type(value).__name__}.")
    found = list(found)
    if not found:
        raise BenchError(f"{name} is empty.")
    return found


def words(value: str | Iterable[str], name: str) -> list[str]:
    """`"a"`, `"a,b"` and `["a", "b"]` → a list; empty for none."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    found = list(value) if isinstance(value, Iterable) else [value]
    for each in found:
        if not isinstance(each, str):
            raise BenchError(f"{name} must be text, not {type(each).__name__}.")
    return found


def paths(value: Folder | Iterable[Folder], name: str) -> list[Path]:
    """One path or several, as a list. Raises `BenchError` if there are none."""
    found = items(value, Path, name)
    for each in found:
        if not isinstance(each, str | Path):
            raise BenchError(f"{name} must be paths, not {type(each).__name__}.")
    return [Path(each) for each in found]


def path_or_none(value: Folder | None) -> Path | None:
    return None if value is None else Path(value).expanduser().absolute()


def safe_name(name: str | None, parameter: str = "name") -> str | None:
    """A name of a folder in the workspace. Raises `BenchError` unless it is a plain file name."""
    if name is not None and not (isinstance(name, str) and is_safe_id(name)):
        raise BenchError(
            f"{parameter}={name!r} is not a safe file name: use letters, digits, '.', '_', '-'."
        )
    return name


def weights_name(weights: Training | Folder | None) -> str | None:
    """Trained weights, a folder or a name, as the name or path that the options record."""
    if isinstance(weights, Training):
        return str(weights.folder)
    return None if weights is None else str(weights)


def plugin_name(kind: str, plugin: str | type[Any]) -> str:
    """The name of a plug-in: as given, or of a class its registered name or `module:Class`.

    Raises `BenchError` for a class that its module does not contain under its name: artifacts
    record plug-ins by name, and resuming must find the same one.
    """
    if isinstance(plugin, str):
        return plugin.strip()
    if not isinstance(plugin, type):
        raise BenchError(
            f"{kind} are given by name or as a class, not as {type(plugin).__name__}"
            + (": pass the class, not an instance." if hasattr(plugin, "context") else ".")
        )
    place = f"{plugin.__module__}:{plugin.__qualname__}"
    if getattr(sys.modules.get(plugin.__module__), plugin.__qualname__, None) is not plugin:
        raise BenchError(
            f"The class {place} cannot be imported by its name: define it at the top level of a "
            "module or notebook."
        )
    points = plugins.registered(kind).values()
    return next((point.name for point in points if point.value == place), place)
