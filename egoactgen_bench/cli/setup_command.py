"""`bench setup`: environments of programs whose requirements conflict with ours."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import WEIGHTS, group
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.support.waiting import report_waiting, tell


class LavisArguments(Options):
    """The arguments of `bench setup lavis`."""

    python: Annotated[
        Path | None,
        Field(description="A Python 3.11 (default: this one, else python3.11 on the PATH)."),
        Cli(metavar="PATH"),
    ] = None
    overwrite: Annotated[
        bool, Field(description="Create it again from scratch."), Cli(("--overwrite",))
    ] = False


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    programs = group(
        "setup", "Separate environments of other programs: LAVIS.", ["bench setup lavis"]
    )
    add_command(programs, "lavis", lavis, ["bench setup lavis --python python3.11"])
    app.add_typer(programs, name="setup", rich_help_panel=WEIGHTS)


def lavis(arguments: LavisArguments) -> None:
    """Create the environment for `bench score --captioner lavis` in the workspace."""
    from egoactgen_bench.captioning.lavis_environment import Environment, setup

    root = current_workspace().root
    with report_waiting("Installing LAVIS"):
        made = setup(root, arguments.python, overwrite=arguments.overwrite, say=tell)
    state = "is ready" if made else "was already ready"
    typer.echo(f"LAVIS {state} in {Environment.of(root).folder}.")
