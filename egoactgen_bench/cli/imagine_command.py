"""`bench imagine`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Out, Overwrite, SplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.stages.imagine_options import ImagineOptions

if TYPE_CHECKING:
    from egoactgen_bench.stages.imagine import Context


class ImagineArguments(ImagineOptions):
    """One context, several actions, and where the frames go."""

    context: Annotated[
        str,
        Field(description="An image, or a sample of a split."),
        Cli(metavar="IMAGE|SAMPLE_ID", positional=True),
    ]
    action: Annotated[
        list[str],
        Field(description='What is done, "open drawer"; repeat it.'),
        Cli(metavar="TEXT"),
    ]
    split: SplitName = None
    name: Annotated[
        str | None,
        Field(description="Name of the folder (default: the method's)."),
        Cli(metavar="NAME"),
    ] = None
    out: Out = None
    overwrite: Overwrite = False


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(app, "imagine", imagine)


def imagine(asked: ImagineArguments) -> int:
    """Generate several actions in one context, and lay them out on a labelled grid."""
    from egoactgen_bench.api.method import MethodContext
    from egoactgen_bench.artifacts.runs import default_name
    from egoactgen_bench.generation.method_factory import build
    from egoactgen_bench.stages import imagine as stage

    check_name(asked.name)
    place = current_workspace()
    stage.check_actions(asked.action, asked.description)
    seen = _context(asked.context, asked.split, asked.descriptions)
    context = MethodContext(
        device=asked.device,
        dtype=asked.dtype,
        described=bool(asked.description or asked.descriptions),
        models=place.models,
        cache=place.cache,
        sample_ids=[seen.name],
    )
    built = build(asked.method, asked.options, weights=asked.weights, context=context)
    name = default_name(asked.method)
    folder = asked.out or place.imagined(seen.name, asked.name or name)
    made = stage.imagine(
        name, built, seen, asked.action, folder, asked.description, asked.seed, asked.overwrite
    )
    if made.already_complete:
        typer.echo("These frames are already complete; --overwrite would start over.")
    for frame in made.manifest.frames:
        typer.echo(stage.in_words(frame))
    for notice in built.notices():
        typer.echo(notice)
    count = len(asked.action) - len(made.failed)
    typer.echo(f"{name}: {count} of {len(asked.action)} actions, see {folder / stage.GRID}")
    return EXIT_PARTIAL if made.failed else EXIT_DONE


def _context(named: str, split: str | None, descriptions: str | None) -> "Context":
    """A picture's file where there is one of that name and no split is asked for."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.stages.imagine import context_of_image, context_of_sample

    if split is None and Path(named).is_file():
        if descriptions is not None:
            raise BenchError(
                "--descriptions are those of a split's samples: describe a picture's actions with "
                "--description TEXT, one for each --action."
            )
        return context_of_image(Path(named))
    if split is None and Path(named).suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
        raise BenchError(f"{named} does not exist: name an image, or a sample of a split.")
    return context_of_sample(load_split(current_workspace().find_split(split)), named, descriptions)
