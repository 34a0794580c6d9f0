"""`bench methods`, `bench metrics`, `bench datasets`: what is registered, one line each."""

import inspect
from collections.abc import Callable

import typer

from egoactgen_bench import plugins


def register(app: typer.Typer) -> None:
    """Add the three commands to the program."""
    for kind in ("methods", "metrics", "datasets"):
        app.command(kind, help=f"List the registered {kind}, one line each.")(_lister(kind))


def _lister(kind: str) -> Callable[[], None]:
    def show() -> None:
        for name, point in plugins.registered(kind).items():
            summary = (inspect.getdoc(point.load()) or "").partition("\n")[0]
            typer.echo(f"{name:<16} {summary}")

    return show
