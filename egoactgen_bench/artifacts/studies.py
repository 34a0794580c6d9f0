"""A study's folder on disk."""

from pathlib import Path
from typing import Literal

from egoactgen_bench.artifacts.manifests import STUDY
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError

Study = Literal["best-of", "description"]


def find_study(workspace: Workspace, name: str | None) -> Path:
    """The folder of a finished study by its path or name; by default the latest."""
    if name is not None:
        folder = next((f for f in (Path(name), workspace.study(name)) if f.is_dir()), Path(name))
        if not (folder / STUDY).is_file():
            raise BenchError(
                f"{folder} contains no finished study (no {STUDY}): "
                "make one with `bench export-amt`."
            )
        return folder
    finished = list(workspace.root.glob(f"studies/*/{STUDY}"))
    if not finished:
        raise BenchError(
            f"There is no finished study in {workspace.root / 'studies'}: name its folder with "
            "--study, or make one with `bench export-amt`."
        )
    return max(finished, key=lambda path: path.stat().st_mtime_ns).parent
