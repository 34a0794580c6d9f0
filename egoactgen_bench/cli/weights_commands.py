"""`bench models`: published weights, and converting released checkpoints."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import WeightsDir
from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL

Plugins = Annotated[
    list[str],
    Field(description="An unregistered plug-in whose weights to include."),
    Cli(("--plugin",), "MODULE:CLASS", list[str]),
]


class ListArguments(Options):
    """The arguments of `bench models list`."""

    weights_dir: WeightsDir = None
    plugin: Plugins = Field(default_factory=list)


class FetchArguments(Options):
    """The arguments of `bench models fetch`."""

    names: Annotated[
        list[str], Field(description="Names from the list."), Cli(metavar="NAME…", positional=True)
    ]
    weights_dir: WeightsDir = None
    plugin: Plugins = Field(default_factory=list)
    overwrite: Annotated[
        bool, Field(description="Replace existing weights that differ."), Cli(("--overwrite",))
    ] = False


class VerifyWeightsArguments(Options):
    """The arguments of `bench models verify`."""

    names: Annotated[
        list[str],
        Field(description="Names from the list (default: all existing weights)."),
        Cli(metavar="NAME…", kind=list[str], positional=True),
    ] = Field(default_factory=list)
    weights_dir: WeightsDir = None
    plugin: Plugins = Field(default_factory=list)


class ConvertArguments(Options):
    """The arguments of `bench models convert`."""

    checkpoint: Annotated[
        Path,
        Field(description="A released checkpoint: a file or a folder."),
        Cli(metavar="CKPT", positional=True),
    ]
    out: Annotated[Path, Field(description="The folder to write."), Cli(metavar="DIR")]
    raw: Annotated[
        bool,
        Field(description="Use the trained weights instead of their moving average."),
        Cli(("--raw",)),
    ] = False
    config: Annotated[
        Path | None,
        Field(
            description="Settings that the checkpoint lacks: unet.num_heads, "
            "clip_text.num_attention_heads, conditioning; for a VLLM, vision_tower (the folder of "
            "its CLIP)."
        ),
        Cli(metavar="JSON"),
    ] = None
    overwrite: Annotated[
        bool, Field(description="Replace the contents of the folder."), Cli(("--overwrite",))
    ] = False


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    models = typer.Typer(
        no_args_is_help=True, help="Published weights: list, fetch, verify; convert checkpoints."
    )
    add_command(models, "list", list_weights)
    add_command(models, "fetch", fetch)
    add_command(models, "verify", verify)
    add_command(models, "convert", convert)
    app.add_typer(models, name="models")


def list_weights(arguments: ListArguments) -> None:
    """List all published weights: use, whether they exist here, size, licence, source."""
    from egoactgen_bench.weights.weights_registry import registry

    folder = arguments.weights_dir or current_workspace().models
    for declared in registry(arguments.plugin):
        weights = declared.weights
        state = "here" if (folder / weights.name).exists() else "absent"
        typer.echo(
            f"{weights.name:<38} {state:<7} {weights.about}; for {', '.join(declared.used_by)}"
        )
        typer.echo(f"{'':<46} {weights.size_text}; {weights.licence}; {weights.source}")


def fetch(arguments: FetchArguments) -> None:
    """Download weights and check their hashes; an interrupted download resumes."""
    from egoactgen_bench.weights.fetching import fetch as fetch_one
    from egoactgen_bench.weights.weights_registry import find, registry

    folder = arguments.weights_dir or current_workspace().models
    declared = registry(arguments.plugin)
    for weights in [find(name, declared) for name in arguments.names]:
        typer.echo(f"{weights.name}: {weights.size_text}, {weights.licence}", err=True)
        fetched = fetch_one(weights, folder, overwrite=arguments.overwrite)
        typer.echo(f"{weights.name}: {'fetched' if fetched else 'here already'}, {folder}")


def verify(arguments: VerifyWeightsArguments) -> int:
    """Recompute the sha256 of weights and compare it with the published or locked one."""
    from egoactgen_bench.weights.weights_registry import (
        differences,
        find,
        has_known_hash,
        registry,
    )

    folder = arguments.weights_dir or current_workspace().models
    wrong = False
    declared = registry(arguments.plugin)
    names = arguments.names or dict.fromkeys(each.weights.name for each in declared)
    for weights in [find(name, declared) for name in names]:
        problems = differences(weights, folder)
        if problems is None and not arguments.names:
            continue
        known = has_known_hash(weights, folder)
        fine = "unchanged" if known else "here, without a published or locked hash to compare with"
        typer.echo(
            f"{weights.name}: {fine if problems == [] else '; '.join(problems or ['absent'])}"
        )
        wrong = wrong or problems != []
    return EXIT_PARTIAL if wrong else EXIT_DONE


def convert(arguments: ConvertArguments) -> None:
    """Convert a released checkpoint into a folder of safetensors."""
    from egoactgen_bench.weights import conversion

    done = conversion.convert(
        arguments.checkpoint,
        arguments.out,
        raw=arguments.raw,
        config=arguments.config,
        models=current_workspace().models,
        overwrite=arguments.overwrite,
    )
    typer.echo(f"Converted {arguments.checkpoint.name} to {done}.")
