"""The options of `bench prepare-splits`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from egoactgen_bench.api.options import Cli, Options, Pairs

if TYPE_CHECKING:
    from egoactgen_bench.stages.prepare.sample_filters import SampleFilters


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
    boxes: Annotated[
        Path | None,
        Field(
            description="Boxes of hands and objects: detections, VISOR, fho_main.json or your own."
        ),
        Cli(metavar="PATH"),
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
    min_sharpness: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="Reject a sample if a frame's sharpness is a smaller share of the sharpest "
            "neighbour's (videos only).",
        ),
        Cli(metavar="SHARE"),
    ] = None
    sharpness_window: Annotated[
        float,
        Field(gt=0, le=5, description="Neighbours for --min-sharpness: within these seconds."),
        Cli(metavar="SECONDS"),
    ] = 0.5
    min_similarity: Annotated[
        float | None,
        Field(ge=-1, le=1, description="Reject a sample whose frames are less similar: unrelated."),
        Cli(metavar="CORRELATION"),
    ] = None
    max_similarity: Annotated[
        float | None,
        Field(ge=-1, le=1, description="Reject a sample whose frames are more similar: unchanged."),
        Cli(metavar="CORRELATION"),
    ] = None
    workers: Annotated[
        int | None,
        Field(ge=1, description="Videos decoded at a time (default: CPUs, up to 16)."),
        Cli(metavar="N"),
    ] = None
    options: Annotated[
        Pairs, Field(description="The data set's own options; see `bench datasets NAME`.")
    ] = Field(default_factory=dict)

    @property
    def filters(self) -> "SampleFilters":
        """The filters that the options select."""
        # Only when needed: NumPy would slow down --help.
        from egoactgen_bench.stages.prepare.sample_filters import SampleFilters

        return SampleFilters(
            self.min_sharpness, self.sharpness_window, self.min_similarity, self.max_similarity
        )
