"""`bench setup`: environments of programs that cannot share ours."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import DebugOption, WorkspaceOption, current_workspace


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(no_args_is_help=True, help="Environments of programs beside ours: LAVIS.")
    group.callback()(lambda: None)  # so that one command alone keeps its name
    group.command("lavis")(lavis)
    app.add_typer(group, name="setup")


def lavis(
    python: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="A Python 3.11 (default: ours, else python3.11 on the PATH)."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make it anew.")] = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Make the environment that `bench score --captioner lavis` needs, in the workspace."""
    from egoactgen_bench.captioning.lavis_environment import Environment, setup

    root = current_workspace().root
    made = setup(root, python, overwrite=overwrite, say=typer.echo)
    state = "is ready" if made else "was ready already"
    typer.echo(f"LAVIS {state} in {Environment.of(root).folder}.")
