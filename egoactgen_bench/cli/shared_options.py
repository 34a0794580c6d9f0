"""The options that may precede or follow every command's name, and their values."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import kept_hashes
from egoactgen_bench.support.safe_names import is_safe_id


@dataclass
class Shared:
    """The values of the shared options."""

    workspace: Path | None = None
    debug: bool = False


shared = Shared()  # for one call; `main` resets it


def _workspace(value: Path | None) -> Path:
    """The value given here, else before the command's name, else the default."""
    shared.workspace = value or shared.workspace or Workspace.default().root
    return shared.workspace


def _debug(value: bool) -> bool:
    shared.debug = shared.debug or value
    return shared.debug


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="DIR",
        help="Folder that all commands share (default: $BENCH_WORKSPACE, else ./workspace).",
        callback=_workspace,
        rich_help_panel="Shared options",
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Show the traceback of an error.",
        callback=_debug,
        rich_help_panel="Shared options",
    ),
]


def current_workspace() -> Workspace:
    """The workspace given by the options; hashes of large files are kept in its cache."""
    place = Workspace(shared.workspace or Workspace.default().root)
    kept_hashes.keep_in(place.cache)
    return place


def check_name(name: str | None) -> None:
    """Raise `BenchError` for a --name that is not a safe file name."""
    if name is not None and not is_safe_id(name):
        raise BenchError(
            f"--name '{name}' is not a safe file name: use letters, digits, '.', '_', '-'."
        )


def terminal_width() -> int:
    """The width of the terminal in characters; 120 if stdout is not one."""
    return shutil.get_terminal_size((120, 24)).columns
