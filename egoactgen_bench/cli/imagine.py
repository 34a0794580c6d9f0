"""`bench imagine`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    DeviceOption,
    DtypeOption,
    OutOption,
    OwnOption,
    SplitOption,
    WeightsOption,
    WorkspaceOption,
    current_workspace,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.options import parse_pairs

if TYPE_CHECKING:
    from egoactgen_bench.imagining import Context


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("imagine")(imagine)


def imagine(
    context: Annotated[
        str, typer.Argument(metavar="IMAGE|SAMPLE_ID", help="A picture, or a sample of a split.")
    ],
    action: Annotated[
        list[str], typer.Option(metavar="TEXT", help='What is done, "open drawer"; repeat it.')
    ],
    method: Annotated[
        str,
        typer.Option(
            "--method", metavar="NAME", help="A name of `bench methods`, or module:Class."
        ),
    ] = "lego",
    description: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="How it is done: one for each --action, in order."),
    ] = None,
    descriptions: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the split: serves the sample's own action."),
    ] = None,
    split: SplitOption = None,
    weights: WeightsOption = None,
    seed: Annotated[int, typer.Option(help="Each frame's seed derives from it.")] = 0,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    option: OwnOption = None,
    out: OutOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Paint several actions in one context, and lay them out on a labelled grid."""
    from egoactgen_bench import imagining
    from egoactgen_bench.building import build
    from egoactgen_bench.runs import default_name

    place, texts = current_workspace(), description or []
    imagining.check_actions(action, texts)
    seen = _context(context, split, descriptions)
    built = build(
        method,
        models=place.models,
        cache=place.cache,
        sample_ids=[seen.name],
        weights=weights,
        options=parse_pairs(option or []),
        device=device,
        dtype=dtype,
        described=bool(texts or descriptions),
    )
    name = default_name(method)
    folder = out or place.imagined(seen.name, name)
    made = imagining.imagine(name, built, seen, action, folder, texts, seed)
    for frame in made.manifest["frames"]:
        typer.echo(imagining.in_words(frame))
    for notice in built.notices():
        typer.echo(notice)
    count = len(action) - len(made.failed)
    typer.echo(f"{name}: {count} of {len(action)} actions, see {folder / imagining.GRID}")
    return EXIT_PARTIAL if made.failed else EXIT_DONE


def _context(named: str, split: str | None, descriptions: str | None) -> "Context":
    """A picture's file where there is one of that name and no split is asked for."""
    from egoactgen_bench.imagining import context_of_picture, context_of_sample
    from egoactgen_bench.splits import load_split

    if split is None and Path(named).is_file():
        if descriptions is not None:
            raise BenchError(
                "--descriptions are those of a split's samples: describe a picture's actions with "
                "--description TEXT, one for each --action."
            )
        return context_of_picture(Path(named))
    if split is None and Path(named).suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
        raise BenchError(f"There is no picture {named}.")
    return context_of_sample(load_split(current_workspace().find_split(split)), named, descriptions)
