"""How commands and groups of commands show their help."""

from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

DAILY, TRAINING, RESULTS = "Daily loop", "Training", "Results"
STUDIES, WEIGHTS, INFORMATION = "User studies", "Weights", "Information"
PANELS = (DAILY, TRAINING, RESULTS, STUDIES, WEIGHTS, INFORMATION)


class HelpCommand(TyperCommand):
    """A command whose help shows no types of Python."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_readable(each) for each in super().get_params(ctx)]


class HelpGroup(TyperGroup):
    """A group whose help shows no types of Python, and its commands by panel."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=self._place)  # stable

    def _place(self, name: str) -> int:
        panel = getattr(self.commands[name], "rich_help_panel", None)
        return PANELS.index(panel) if panel in PANELS else len(PANELS)

    def get_params(self, ctx: Any) -> list[Any]:
        return [_readable(each) for each in super().get_params(ctx)]


def group(name: str, text: str, examples: Sequence[str], **more: Any) -> typer.Typer:
    """A group of commands; without a command, it prints its help."""
    made = typer.Typer(
        name=name,
        help=text,
        cls=HelpGroup,
        invoke_without_command=True,
        epilog=epilog(examples),
        **more,
    )
    made.callback(cls=HelpGroup, epilog=epilog(examples))(show_help)
    return made


def show_help(context: typer.Context) -> None:
    # `no_args_is_help` would be an error of status 2.
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def epilog(examples: Sequence[str]) -> str | None:
    """The examples of a command as the end of its help."""
    if not examples:
        return None
    return "\n".join(["Examples:" if len(examples) > 1 else "Example:", *examples])


def _readable(parameter: Any) -> Any:
    if isinstance(parameter, TyperOption) and parameter.is_flag and parameter.metavar is None:
        parameter.metavar = ""
    if isinstance(parameter, TyperArgument):
        # Typer shows a type next to the name of an argument, and has no setting for it.
        parameter.display_type_rich = lambda ctx: ""  # type: ignore[method-assign]
    return parameter
