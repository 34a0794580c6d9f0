"""The options of `bench prepare-splits`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from egoactgen_bench.api.options import Cli, Options, Pairs


class PrepareOptions(Options):
    """Which annotated actions become samples of a split, and how their frames are stored."""

    annotations: Annotated[
        Path | None,
        Field(description="The data set's annotation file or folder."),
        Cli(metavar="PATH"),
    ] = None
    videos: Annotated[
        Path | None,
        Field(description="Folder of the videos or extracted frames."),
        Cli(metavar="DIR"),
    ] = None
    subset: Annotated[Literal["val", "train"], Field(description="Subset of the annotations.")] = (
        "val"
    )
    limit: Annotated[
        int | None,
        Field(ge=1, description="Only N clips, drawn from all videos (toy-kitchen: generated)."),
        Cli(metavar="N"),
    ] = None
    times_only: Annotated[
        bool,
        Field(description="Ids and times without frames: needs no videos."),
        Cli(("--times-only",)),
    ] = False
    size: Annotated[
        int, Field(ge=16, description="Height of the stored frames."), Cli(metavar="PIXELS")
    ] = 256
    workers: Annotated[
        int | None,
        Field(ge=1, description="Videos decoded at a time (default: CPUs, up to 16)."),
        Cli(metavar="N"),
    ] = None
    options: Annotated[
        Pairs, Field(description="The data set's own options; see `bench datasets NAME`.")
    ] = Field(default_factory=dict)
