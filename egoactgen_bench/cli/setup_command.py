"""`bench setup`: environments of programs that cannot share ours."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.shared_options import current_workspace


class LavisArguments(Options):
    """How LAVIS's environment is made."""

    python: Annotated[
        Path | None,
        Field(description="A Python 3.11 (default: ours, else python3.11 on the PATH)."),
        Cli(metavar="PATH"),
    ] = None
    overwrite: Annotated[
        bool, Field(description="Make it again from scratch."), Cli(("--overwrite",))
    ] = False


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(no_args_is_help=True, help="Environments of programs next to ours: LAVIS.")
    group.callback()(lambda: None)  # so that one command alone keeps its name
    add_command(group, "lavis", lavis)
    app.add_typer(group, name="setup")


def lavis(asked: LavisArguments) -> None:
    """Make the environment that `bench score --captioner lavis` needs, in the workspace."""
    from egoactgen_bench.captioning.lavis_environment import Environment, setup

    root = current_workspace().root
    made = setup(root, asked.python, overwrite=asked.overwrite, say=typer.echo)
    state = "is ready" if made else "was ready already"
    typer.echo(f"LAVIS {state} in {Environment.of(root).folder}.")
