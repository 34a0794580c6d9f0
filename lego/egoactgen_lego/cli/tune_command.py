"""`bench lego tune`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import DryRun, SplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, BenchError
from egoactgen_bench.support.waiting import report_waiting
from egoactgen_lego.options.tune_options import TuneOptions


class TuneArguments(TuneOptions):
    """Which VLLM is tuned on which data, and where it is written."""

    weights: Annotated[
        str,
        Field(
            description="The LLaVA to start from, in transformers' format: a path, or a name in "
            "models/."
        ),
        Cli(metavar="PATH|NAME"),
    ]
    data: Annotated[
        str,
        Field(description="A name in the split's instructions/, or a file in LLaVA's format."),
        Cli(metavar="NAME|JSON"),
    ] = "curated"
    split: SplitName = None
    images: Annotated[
        Path | None,
        Field(description="Folder of the data's images (default: the split's)."),
        Cli(metavar="DIR"),
    ] = None
    name: Annotated[
        str | None,
        Field(description="Write models/vllm-NAME/ (default: the split's name)."),
        Cli(metavar="NAME"),
    ] = None
    dry_run: DryRun = False


def tune(asked: TuneArguments) -> int:
    """Tune the projector and the language model of a LLaVA on instruction data."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.support.sharding import ProcessShard
    from egoactgen_lego.stages.tune import tune as tune_vllm
    from egoactgen_lego.vllm_weights import find_weights

    place = current_workspace()
    about: dict[str, str | None] = {}
    dataset = None
    file, images, name = Path(asked.data), asked.images, asked.name
    if images is None or name is None or file.suffix != ".json":
        split = load_split(place.find_split(asked.split))
        if images is None or file.suffix != ".json":  # otherwise it only gives its name
            about = {"split": split.name, "frames_fingerprint": split.frames_fingerprint}
            dataset = split.manifest.dataset
        images, name = images or split.folder, name or split.name
        if file.suffix != ".json":
            file = split.folder / "instructions" / asked.data / "instructions.json"
    if not file.is_file():
        raise BenchError(f"{file} does not exist: `bench lego curate` writes it.")
    check_name(name)
    out = place.models / f"vllm-{name}"
    weights = find_weights(asked.weights, place.models)
    if asked.dry_run:
        return _plan(weights, file, images, asked)
    asked = asked.model_copy(update={"logs": place.logs})
    with report_waiting("Loading the VLLM"):
        manifest = tune_vllm(
            weights, file, images, out, asked, about=about, dataset=dataset, progress=True
        )
    if ProcessShard.of_process().rank != 0:  # only rank 0 reports
        return EXIT_DONE
    curve = manifest.loss
    typer.echo(
        f"Tuned on {manifest.data.count} instructions in {manifest.steps} steps, "
        f"loss {curve[0][1]:.4f} → {curve[-1][1]:.4f}: {out}"
    )
    return EXIT_DONE


def _plan(weights: Path, file: Path, images: Path, asked: TuneOptions) -> int:
    from egoactgen_bench.support.sharding import ProcessShard
    from egoactgen_lego.stages.tune import costs

    lines = costs(weights, file, images, asked)
    if ProcessShard.of_process().rank == 0:
        typer.echo("\n".join([*lines, "Nothing was done (--dry-run)."]))
    return EXIT_DONE
