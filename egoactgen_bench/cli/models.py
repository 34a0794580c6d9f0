"""`bench models`: the registry of weights, and converting released checkpoints."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
