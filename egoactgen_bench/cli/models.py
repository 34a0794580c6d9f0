"""`bench models`: the registry of weights, and converting released checkpoints."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.app import DebugOption, WorkspaceOption


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    models = typer.Typer(no_args_is_help=True, help="Weights: convert released checkpoints.")
    models.command("convert")(convert)
    app.add_typer(models, name="models")


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
            "conditioning.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what the folder holds.")
    ] = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Convert a released checkpoint into a folder of safetensors."""
    from egoactgen_bench import converting

    done = converting.convert(checkpoint, out, raw=raw, config=config, overwrite=overwrite)
    typer.echo(f"Converted {checkpoint.name} to {done}.")
