"""The options of `bench train`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import DescriptionsName, Device, PlaceOptions, Preset
from egoactgen_bench.api.options import Cli, Pairs
from egoactgen_bench.api.tracker_log import PROJECT, LogFolder, LogProject, LogTo


class TrainOptions(PlaceOptions):
    """The options of a training apart from the trainer's own."""

    preset: Preset = "toy"
    options: Annotated[
        Pairs, Field(description="The trainer's own options; see `bench trainers METHOD`.")
    ] = Field(default_factory=dict)
    descriptions: DescriptionsName = None
    verify_hashes: Annotated[
        bool,
        Field(description="Read files again whose hashes are kept in the workspace's cache."),
        Cli(("--verify-hashes",)),
    ] = False
    seed: Annotated[int, Field(description="Random seed.")] = 0
    device: Device = "auto"
    log_to: LogTo = ()
    log_project: LogProject = PROJECT
    logs: LogFolder = Path("workspace/logs")
    cache: Annotated[Path, Field(description="Folder for cached latents."), Cli(hidden=True)] = (
        Path("workspace/cache")
    )
