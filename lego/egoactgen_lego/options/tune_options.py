"""Options of a tuning."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import (
    Device,
    Overwrite,
)
from egoactgen_bench.api.options import Options, Pairs
from egoactgen_bench.api.tracker_log import PROJECT, LogFolder, LogProject, LogTo


class TuneOptions(Options):
    """How a VLLM is tuned."""

    options: Annotated[
        Pairs, Field(description="Options of the tuning, listed in docs/lego.md; repeatable.")
    ] = Field(default_factory=dict)
    seed: Annotated[
        int, Field(description="Random seed of the order and of the question templates.")
    ] = 0
    device: Device = "auto"
    log_to: LogTo = ()
    log_project: LogProject = PROJECT
    logs: LogFolder = Path("workspace/logs")
    overwrite: Overwrite = False
