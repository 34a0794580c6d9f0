"""Options of a diagnosis."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import (
    PROTOCOLS,
    BatchSize,
    Device,
    SoleDescriptionsName,
    WeightsDir,
)
from egoactgen_bench.api.options import Cli, Options


class DiagnoseOptions(Options):
    """How the variants of a metric are measured.

    Rows are cached in `workspace`/cache (default: in the run's folder) and used by later calls.
    """

    protocol: Annotated[
        str, Field(description="Protocol that the variants deviate from."), Cli(choices=PROTOCOLS)
    ] = "standard"
    tolerance: Annotated[
        float | None,
        Field(ge=0, description="Largest difference that matches; default: half the last digit."),
    ] = None
    most: Annotated[
        int,
        Field(ge=0, description="Maximum number of combinations of deviations to measure."),
        Cli(("--combinations",), "N"),
    ] = 128
    weights: WeightsDir = None
    descriptions: SoleDescriptionsName = None
    batch_size: BatchSize = 16
    device: Device = "auto"
    workspace: Annotated[
        Path | None, Field(description="Root of the workspace."), Cli(hidden=True)
    ] = None
