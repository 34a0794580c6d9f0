"""`bench models`: the registry of weights, and converting released checkpoints."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    WeightsDirOption,
    WorkspaceOption,
    current_workspace,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    models = typer.Typer(
        no_args_is_help=True, help="Weights: list, fetch, verify; convert released checkpoints."
    )
    models.command("list")(list_weights)
    models.command("fetch")(fetch)
    models.command("verify")(verify)
    models.command("convert")(convert)
    app.add_typer(models, name="models")


def list_weights(
    weights_dir: WeightsDirOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """List every registered weight: what it is, whether it is here, its licence and source."""
    from egoactgen_bench.weights.registry import registry

    folder = weights_dir or current_workspace().models
    for weight in registry().values():
        state = "here" if (folder / weight.name).exists() else "absent"
        typer.echo(f"{weight.name:<38} {state:<7} {weight.about}")
        typer.echo(f"{'':<46} for {', '.join(weight.used_by)}; {weight.licence}; {weight.source}")


def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Names from the list.")],
    weights_dir: WeightsDirOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Fetch again what is here but differs.")
    ] = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Fetch weights from their publisher, resumed where a fetch broke off, and check them."""
    from egoactgen_bench.weights.fetching import fetch as fetch_one
    from egoactgen_bench.weights.registry import find

    folder = weights_dir or current_workspace().models
    for weight in [find(name) for name in names]:
        fetched = fetch_one(weight, folder, overwrite=overwrite)
        typer.echo(f"{weight.name}: {'fetched' if fetched else 'here already'}, {folder}")


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME…", help="By default all that are here.")
    ] = None,
    weights_dir: WeightsDirOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Recompute the sha256 of weights and compare with the published or locked ones."""
    from egoactgen_bench.weights.registry import differences, find, is_vouched, registry

    folder = weights_dir or current_workspace().models
    wrong = False
    for weight in [find(name) for name in names] if names else registry().values():
        problems = differences(weight, folder)
        if problems is None and not names:
            continue
        known = "as registered" if is_vouched(weight, folder) else "here, with no hash to compare"
        typer.echo(
            f"{weight.name}: {known if problems == [] else '; '.join(problems or ['absent'])}"
        )
        wrong = wrong or problems != []
    return EXIT_PARTIAL if wrong else EXIT_DONE


def convert(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CKPT", help="A released checkpoint: a file or a folder.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Take the trained weights, not their moving average.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="JSON",
            help="What the file does not say: unet.num_heads, clip_text.num_attention_heads, "
            "conditioning; for a VLLM vision_tower, the folder of its CLIP.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what the folder holds.")
    ] = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Convert a released checkpoint into a folder of safetensors."""
    from egoactgen_bench.weights import converting

    models = current_workspace().models
    done = converting.convert(
        checkpoint, out, raw=raw, config=config, models=models, overwrite=overwrite
    )
    typer.echo(f"Converted {checkpoint.name} to {done}.")
