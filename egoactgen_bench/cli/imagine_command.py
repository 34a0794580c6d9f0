"""`bench imagine`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Out, Overwrite, SplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import DAILY
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.stages.imagine.imagine_options import ImagineOptions
from egoactgen_bench.support.waiting import report_waiting

if TYPE_CHECKING:
    from egoactgen_bench.stages.imagine.contexts import Context


class ImagineArguments(ImagineOptions):
    """The arguments of `bench imagine`."""

    context: Annotated[
        str,
        Field(description="An image, or a sample of a split."),
        Cli(metavar="IMAGE|SAMPLE_ID", positional=True),
    ]
    action: Annotated[
        list[str],
        Field(description='An action such as "open drawer"; may be repeated.'),
        Cli(metavar="TEXT"),
    ]
    split: SplitName = None
    name: Annotated[
        str | None,
        Field(description="Name of the folder (default: from the method)."),
        Cli(metavar="NAME"),
    ] = None
    out: Out = None
    overwrite: Overwrite = False


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "imagine",
        imagine,
        [
            'bench imagine kitchen.jpg --action "open drawer" --action "take cup"',
        ],
        DAILY,
    )


def imagine(arguments: ImagineArguments) -> int:
    """Generate images of several actions from one input frame, with a labelled grid."""
    from egoactgen_bench.artifacts.runs import default_name
    from egoactgen_bench.stages.imagine import imagine_actions as stage

    check_name(arguments.name)
    place = current_workspace()
    stage.check_actions(arguments.action, arguments.description)
    seen = _context(arguments.context, arguments.split, arguments.descriptions)
    with report_waiting(f"Loading {arguments.method}"):
        built = stage.method_for(arguments, seen, place.models, place.cache)
    name = default_name(arguments.method)
    folder = arguments.out or place.imagined(seen.name, arguments.name or name)
    with report_waiting("Generating images"):
        made = stage.imagine(
            name,
            built,
            seen,
            arguments.action,
            folder,
            arguments.description,
            arguments.seed,
            arguments.overwrite,
        )
    if made.already_complete:
        typer.echo("These images are already complete; --overwrite would start over.")
    for frame in made.manifest.frames:
        typer.echo(stage.in_words(frame))
    for notice in call(built, "notices"):
        typer.echo(notice)
    count = len(arguments.action) - len(made.failed)
    typer.echo(f"{name}: {count} of {len(arguments.action)} actions, see {folder / stage.GRID}")
    return EXIT_PARTIAL if made.failed else EXIT_DONE


def _context(named: str, split: str | None, descriptions: str | None) -> "Context":
    """An image file of that name if it exists and no split is given, else a sample."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.stages.imagine.contexts import context_of_image, context_of_sample

    if split is None and Path(named).is_file():
        if descriptions is not None:
            raise BenchError(
                "--descriptions applies to samples of a split: describe the actions of an image "
                "with --description TEXT, one for each --action."
            )
        return context_of_image(Path(named))
    if split is None and Path(named).suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
        raise BenchError(f"{named} does not exist: name an image, or a sample of a split.")
    return context_of_sample(load_split(current_workspace().find_split(split)), named, descriptions)
