"""Names that the shell completes: plug-ins, and what the workspace contains. Loads no plug-in."""

from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.workspace import Workspace

Completer = Callable[[typer.Context, str], list[str]]


def completer(kind: str | None, choices: Sequence[str]) -> Completer | None:
    """What completes a value of this kind, or one of the choices; also in a list `a,b`."""
    if kind is None and not choices:
        return None

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        names = choices or _names(kind or "", ctx)
        return [f"{before}{comma}{name}" for name in names if name.startswith(last)]

    return complete


def _names(kind: str, ctx: typer.Context) -> list[str]:
    if kind == "purposes":
        kinds = ("datasets", "metrics", "methods", "trainers")
        return [name for each in kinds for name in plugins.registered(each)]
    root = _workspace(ctx)
    if kind == "splits":
        return _folders(root, "splits/*/split.json")
    if kind == "studies":
        return _folders(root, "studies/*/study.json")
    if kind == "runs":
        split = ctx.params.get("split") or "*"
        return _folders(root, f"runs/{split}/*/run.json")
    return list(plugins.registered(kind))


def _folders(root: Path, pattern: str) -> list[str]:
    """The names of the folders that contain the files."""
    return sorted({path.parent.name for path in root.glob(pattern)})


def _workspace(ctx: typer.Context) -> Path:
    """The folder of --workspace, before or after the command's name, else the default."""
    for each in (ctx, ctx.find_root()):
        if given := each.params.get("workspace"):
            return Path(given)
    return Workspace.default().root
