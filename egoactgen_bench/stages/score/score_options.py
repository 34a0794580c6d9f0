"""What can be chosen for a scoring."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import (
    BatchSize,
    CaptionerName,
    Device,
    Metrics,
    Overwrite,
    Protocol,
    SoleDescriptionsName,
    WeightsDir,
)
from egoactgen_bench.api.options import Cli, Options, Pairs, Words


class ScoreOptions(Options):
    """The choices of a scoring.

    What was measured before is found again in `workspace`/cache (default: the scoring's folder).
    """

    metrics: Metrics = None
    protocol: Protocol = "standard"
    references: Annotated[
        Words,
        Field(description="Rows to add: target, copy-input."),
        Cli(("--reference",), "A,B", str),
    ] = ()
    weights: WeightsDir = None
    captioner: CaptionerName = "transformers"
    descriptions: SoleDescriptionsName = None
    bootstrap: Annotated[int, Field(ge=0, description="Draws for the intervals; 0 for none.")] = (
        1000
    )
    fid_permutations: Annotated[
        int, Field(ge=0, description="Swaps for comparing sets (FID, KID); 0 for no test.")
    ] = 0
    batch_size: BatchSize = 16
    device: Device = "auto"
    options: Annotated[
        Pairs,
        Field(description="A metric's own options."),
        Cli(("-o",), "METRIC.KEY=VALUE", list[str]),
    ] = Field(default_factory=dict)
    overwrite: Overwrite = False
    workspace: Annotated[
        Path | None, Field(description="Root of the workspace."), Cli(hidden=True)
    ] = None
