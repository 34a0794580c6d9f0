"""`bench models`: the registry of weights, and converting released checkpoints."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import WeightsDir
from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL


class ListArguments(Options):
    """Where weights are looked for."""

    weights_dir: WeightsDir = None


class FetchArguments(Options):
    """Which weights are fetched, and where to."""

    names: Annotated[
        list[str], Field(description="Names from the list."), Cli(metavar="NAME…", positional=True)
    ]
    weights_dir: WeightsDir = None
    overwrite: Annotated[
        bool, Field(description="Fetch again what is here but differs."), Cli(("--overwrite",))
    ] = False


class VerifyWeightsArguments(Options):
    """Which weights are verified."""

    names: Annotated[
        list[str],
        Field(description="By default all that are here."),
        Cli(metavar="NAME…", kind=list[str], positional=True),
    ] = Field(default_factory=list)
    weights_dir: WeightsDir = None


class ConvertArguments(Options):
    """Which checkpoint is converted, how, and where to."""

    checkpoint: Annotated[
        Path,
        Field(description="A released checkpoint: a file or a folder."),
        Cli(metavar="CKPT", positional=True),
    ]
    out: Annotated[Path, Field(description="The folder to write."), Cli(metavar="DIR")]
    raw: Annotated[
        bool,
        Field(description="Take the trained weights, not their moving average."),
        Cli(("--raw",)),
    ] = False
    config: Annotated[
        Path | None,
        Field(
            description="What the file does not say: unet.num_heads, "
            "clip_text.num_attention_heads, conditioning; for a VLLM vision_tower, the folder of "
            "its CLIP."
        ),
        Cli(metavar="JSON"),
    ] = None
    overwrite: Annotated[
        bool, Field(description="Replace what the folder contains."), Cli(("--overwrite",))
    ] = False


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    models = typer.Typer(
        no_args_is_help=True, help="Weights: list, fetch, verify; convert released checkpoints."
    )
    add_command(models, "list", list_weights)
    add_command(models, "fetch", fetch)
    add_command(models, "verify", verify)
    add_command(models, "convert", convert)
    app.add_typer(models, name="models")


def list_weights(asked: ListArguments) -> None:
    """List every registered weight: what it is, whether it is here, its licence and source."""
    from egoactgen_bench.weights.weights_registry import registry

    folder = asked.weights_dir or current_workspace().models
    for weight in registry().values():
        state = "here" if (folder / weight.name).exists() else "absent"
        typer.echo(f"{weight.name:<38} {state:<7} {weight.about}")
        typer.echo(f"{'':<46} for {', '.join(weight.used_by)}; {weight.licence}; {weight.source}")


def fetch(asked: FetchArguments) -> None:
    """Fetch weights from their publisher, resumed where a fetch broke off, and check them."""
    from egoactgen_bench.weights.fetching import fetch as fetch_one
    from egoactgen_bench.weights.weights_registry import find

    folder = asked.weights_dir or current_workspace().models
    for weight in [find(name) for name in asked.names]:
        fetched = fetch_one(weight, folder, overwrite=asked.overwrite)
        typer.echo(f"{weight.name}: {'fetched' if fetched else 'here already'}, {folder}")


def verify(asked: VerifyWeightsArguments) -> int:
    """Recompute the sha256 of weights and compare with the published or locked ones."""
    from egoactgen_bench.weights.weights_registry import differences, find, is_vouched, registry

    folder = asked.weights_dir or current_workspace().models
    wrong = False
    chosen = [find(name) for name in asked.names] if asked.names else registry().values()
    for weight in chosen:
        problems = differences(weight, folder)
        if problems is None and not asked.names:
            continue
        known = "as registered" if is_vouched(weight, folder) else "here, with no hash to compare"
        typer.echo(
            f"{weight.name}: {known if problems == [] else '; '.join(problems or ['absent'])}"
        )
        wrong = wrong or problems != []
    return EXIT_PARTIAL if wrong else EXIT_DONE


def convert(asked: ConvertArguments) -> None:
    """Convert a released checkpoint into a folder of safetensors."""
    from egoactgen_bench.weights import conversion

    done = conversion.convert(
        asked.checkpoint,
        asked.out,
        raw=asked.raw,
        config=asked.config,
        models=current_workspace().models,
        overwrite=asked.overwrite,
    )
    typer.echo(f"Converted {asked.checkpoint.name} to {done}.")
