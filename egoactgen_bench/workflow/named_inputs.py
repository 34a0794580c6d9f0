"""What the functions of the Python API accept in place of objects: names and paths."""

from collections.abc import Sequence
from pathlib import Path

from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.artifacts.workspace import Workspace

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
