"""What can be chosen for a diagnosis."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import (
    BatchSize,
    Device,
    SoleDescriptionsName,
    WeightsDir,
)
from egoactgen_bench.api.options import Cli, Options


class DiagnoseOptions(Options):
    """How the variants of a metric are measured.

    Rows are kept in `workspace`/cache (default: the run's folder), so that asking again is quick.
    """

    protocol: Annotated[str, Field(description="What variants deviate from.")] = "standard"
    tolerance: Annotated[
        float | None,
        Field(ge=0, description="Explained within this; default: half the number's last digit."),
    ] = None
    most: Annotated[
        int,
        Field(ge=0, description="Combinations measured at most, besides each variant alone."),
        Cli(("--combinations",)),
    ] = 128
    weights: WeightsDir = None
    descriptions: SoleDescriptionsName = None
    batch_size: BatchSize = 16
    device: Device = "auto"
    workspace: Annotated[
        Path | None, Field(description="Root of the workspace."), Cli(hidden=True)
    ] = None
