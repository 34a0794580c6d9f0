"""`bench lego tune`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import SplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, BenchError
from egoactgen_lego.options.tune_options import TuneOptions


class TuneArguments(TuneOptions):
    """Which VLLM is tuned, on what, and where it goes."""

    weights: Annotated[
        str,
        Field(
            description="The LLaVA to begin with, in transformers' form: a path, or a name in "
            "models/."
        ),
        Cli(metavar="PATH|NAME"),
    ]
    data: Annotated[
        str,
        Field(description="Of the split's instructions/, or a file as LLaVA has it."),
        Cli(metavar="NAME|JSON"),
    ] = "curated"
    split: SplitName = None
    images: Annotated[
        Path | None,
        Field(description="Where the data's images are (default: the split)."),
        Cli(metavar="DIR"),
    ] = None
    name: Annotated[
        str | None,
        Field(description="Makes models/vllm-NAME/ (default: SPLIT)."),
        Cli(metavar="NAME"),
    ] = None


def tune(asked: TuneArguments) -> int:
    """Tune a LLaVA on instruction data: its projector and its language model."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.support.sharding import ProcessShard
    from egoactgen_lego.stages.tune import tune as tune_vllm
    from egoactgen_lego.vllm_weights import find_weights

    place = current_workspace()
    about: dict[str, str | None] = {}
    file, images, name = Path(asked.data), asked.images, asked.name
    if images is None or name is None or file.suffix != ".json":
        split = load_split(place.find_split(asked.split))
        about = {"split": split.name, "frames_fingerprint": split.frames_fingerprint}
        images, name = images or split.folder, name or split.name
        if file.suffix != ".json":
            file = split.folder / "instructions" / asked.data / "instructions.json"
    if not file.is_file():
        raise BenchError(f"{file} does not exist: make it with `bench lego curate`.")
    check_name(name)
    out = place.models / f"vllm-{name}"
    weights = find_weights(asked.weights, place.models)
    manifest = tune_vllm(weights, file, images, out, asked, about=about, progress=True)
    if ProcessShard.of_process().rank != 0:  # only rank 0 reports
        return EXIT_DONE
    curve = manifest.loss
    typer.echo(
        f"Tuned on {manifest.data.count} instructions in {manifest.steps} steps, "
        f"loss {curve[0][1]:.4f} → {curve[-1][1]:.4f}: {out}"
    )
    return EXIT_DONE
