"""`bench methods`, `metrics`, `datasets` …: the registered plug-ins, one line each."""

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Annotated, Any

import typer

from egoactgen_bench import api
from egoactgen_bench.api import plugins

BASES = {
    "methods": "Method",
    "metrics": "Metric",
    "datasets": "Dataset",
    "trainers": "Trainer",
    "converters": "Converter",
}


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for kind in BASES:
        text = f"List the registered {kind}, or describe one of them."
        app.command(kind, help=text)(_lister(kind))


def _lister(kind: str) -> Callable[..., None]:
    def show(name: Annotated[str | None, typer.Argument(metavar="NAME")] = None) -> None:
        if name is not None:
            _show_one(_checked(kind, name))
            return
        for known, point in plugins.registered(kind).items():
            typer.echo(f"{known:<16} {_summary(point)}")

    return show


def _summary(point: EntryPoint) -> str:
    try:
        return inspect.cleandoc(point.load().__doc__ or "(no description)").partition("\n")[0]
    except (Exception, SystemExit) as error:  # noqa: BLE001  one broken plug-in must not hide the others
        return f"(cannot be loaded: {type(error).__name__}: {error})"


def _checked(kind: str, name: str) -> Any:
    """The plug-in, a class of its kind without mistakes in its declarations."""
    from egoactgen_bench.api.plugin_declarations import require_subclass

    base = getattr(api, BASES[kind])
    return require_subclass(plugins.find(kind, name), base, name)


def _show_one(plugin: Any) -> None:
    from egoactgen_bench.api.options import describe

    # Its own docstring: that of a base class describes something else.
    typer.echo(inspect.cleandoc(plugin.__doc__ or "(no description)"))
    for weights in getattr(plugin, "published_weights", ()):
        about = f"{weights.about}; {weights.size_text}; {weights.licence}"
        typer.echo(f"\nWeights {weights.name}: {about}")
    options = getattr(plugin, "Options", None)
    if options is None:
        return
    rows = describe(options)
    typer.echo("\nOptions (-o key=value):" if rows else "\nIt has no options of its own.")
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join(["", *cells, row[3]]).rstrip())
    for name, values in getattr(plugin, "presets", {}).items():
        settings = ", ".join(f"{key}={value}" for key, value in values.items())
        typer.echo(f"\nPreset {name}: {settings or 'the defaults above'}")
