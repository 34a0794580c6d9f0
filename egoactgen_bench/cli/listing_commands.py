"""`bench methods`, `datasets` …: the registered plug-ins, one line each."""

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Annotated, Any

import typer

from egoactgen_bench import api
from egoactgen_bench.api import plugins
from egoactgen_bench.cli.completion import completer
from egoactgen_bench.cli.help_pages import INFORMATION, HelpCommand, epilog
from egoactgen_bench.cli.wrapped_table import wrapped

BASES = {
    "methods": "Method",
    "metrics": "Metric",
    "datasets": "Dataset",
    "trainers": "Trainer",
    "converters": "Converter",
}
EXAMPLES = {
    "methods": "lego",
    "datasets": "epic-kitchens",
    "trainers": "lego",
    "converters": "latent-diffusion",
}
LONGEST_CELL = 40  # characters of a name, type or default
LISTED = [kind for kind in BASES if kind != "metrics"]  # which have a command of their own


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for kind in LISTED:
        text = f"List the registered {kind}, or describe one of them."
        examples = epilog([f"bench {kind}", f"bench {kind} {EXAMPLES[kind]}"])
        add = app.command(
            kind, cls=HelpCommand, help=text, epilog=examples, rich_help_panel=INFORMATION
        )
        add(_lister(kind))


def _lister(kind: str) -> Callable[..., None]:
    name_of_one = typer.Argument(
        metavar="NAME", help="Describe this one.", autocompletion=completer(kind, ())
    )

    def show(name: Annotated[str | None, name_of_one] = None) -> None:
        if name is not None:
            show_one(checked(kind, name))
            return
        for line in wrapped([[n, summary(p)] for n, p in plugins.registered(kind).items()]):
            typer.echo(line)

    return show


def _shortened(cell: str) -> str:
    return cell if len(cell) <= LONGEST_CELL else f"{cell[: LONGEST_CELL - 1]}…"


def summary(point: EntryPoint) -> str:
    """The first line of a plug-in's docstring, or why it cannot be loaded."""
    try:
        return inspect.cleandoc(point.load().__doc__ or "(no description)").partition("\n")[0]
    except (Exception, SystemExit) as error:  # noqa: BLE001  one broken plug-in must not hide the others
        return f"(cannot be loaded: {type(error).__name__}: {error})"


def checked(kind: str, name: str) -> Any:
    """The plug-in, a class of its kind without mistakes in its declarations."""
    from egoactgen_bench.api.plugin_declarations import require_subclass

    base = getattr(api, BASES[kind])
    return require_subclass(plugins.find(kind, name), base, name)


def show_one(plugin: Any) -> None:
    """Print a plug-in's docstring, weights, options and presets."""
    from egoactgen_bench.api.options import describe

    # Its own docstring: that of a base class describes something else.
    typer.echo(inspect.cleandoc(plugin.__doc__ or "(no description)"))
    weights = [
        ["", each.name, f"{each.about}; {each.size_text}; {each.licence}"]
        for each in getattr(plugin, "published_weights", ())
    ]
    for line in ["\nWeights:", *wrapped(weights)] if weights else []:
        typer.echo(line)
    options = getattr(plugin, "Options", None)
    if options is None:
        return
    rows = [[*map(_shortened, row[:3]), row[3]] for row in describe(options)]
    typer.echo("\nOptions (-o key=value):" if rows else "\nIt has no options of its own.")
    for line in wrapped([["", *row] for row in rows]):
        typer.echo(line)
    for name, values in getattr(plugin, "presets", {}).items():
        settings = ", ".join(f"{key}={value}" for key, value in values.items())
        typer.echo(f"\nPreset {name}: {settings or 'the defaults above'}")
