"""`bench lego tune`."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    OverwriteOption,
    SplitOption,
    WorkspaceOption,
    check_name,
    current_workspace,
)
from egoactgen_bench.errors import EXIT_DONE, BenchError


def tune(
    weights: Annotated[
        str,
        typer.Option(
            metavar="PATH|NAME",
            help="The LLaVA to begin with, in transformers' form: a path, or a name in models/.",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME|JSON", help="Of the split's instructions/, or a file as LLaVA has it."
        ),
    ] = "curated",
    split: SplitOption = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the data's images are (default: the split)."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Makes models/vllm-NAME/ (default: SPLIT).")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="KEY=VALUE", help="As docs/lego.md lists them; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of order and questions.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Tune a LLaVA on instruction data: its projector and its language model."""
    from egoactgen_bench.options import parse_pairs
    from egoactgen_bench.sharding import Share
    from egoactgen_bench.splits import load_split
    from lego.vllm.tune import tune
    from lego.vllm.work import find_weights

    place = current_workspace()
    told = {}
    file = Path(data)
    if not (file.suffix == ".json" and images and name):
        loaded = load_split(place.find_split(split))
        told = {"split": loaded.name, "frames_fingerprint": loaded.frames_fingerprint}
        images, name = images or loaded.folder, name or loaded.name
        if file.suffix != ".json":
            file = loaded.folder / "instructions" / data / "instructions.json"
    if not file.is_file():
        raise BenchError(f"There is no {file}: make one with `bench lego curate`.")
    check_name(name)
    out = place.models / f"vllm-{name}"
    manifest = tune(
        find_weights(weights, place.models),
        file,
        images,
        out,
        options=parse_pairs(option or []),
        told=told,
        seed=seed,
        device=device,
        overwrite=overwrite,
        progress=True,
    )
    if Share.of_process().rank != 0:  # rank 0 speaks for all
        return EXIT_DONE
    curve, count = manifest["loss"], manifest["data"]["count"]
    typer.echo(
        f"Tuned on {count} instructions in {manifest['steps']} steps, "
        f"loss {curve[0][1]:.4f} → {curve[-1][1]:.4f}: {out}"
    )
    return EXIT_DONE
