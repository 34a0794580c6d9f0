"""The options of `bench score`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from egoactgen_bench.api.common_options import (
    REFERENCE_NAMES,
    BatchSize,
    CaptionerName,
    Device,
    Metrics,
    Protocol,
    SoleDescriptionsName,
    WeightsDir,
)
from egoactgen_bench.api.options import Cli, Pairs, Words
from egoactgen_bench.judging.judge_options import JudgeOptions


class ScoreOptions(JudgeOptions):
    """Options for scoring runs.

    Earlier measurements are reused from `workspace`/cache (default: the folder of the scores).
    """

    metrics: Metrics = None
    protocol: Protocol = "standard"
    references: Annotated[
        Words,
        Field(description="Rows to add."),
        Cli(("--reference",), choices=REFERENCE_NAMES),
    ] = ()
    weights: WeightsDir = None
    captioner: CaptionerName = "transformers"
    descriptions: SoleDescriptionsName = None
    bootstrap: Annotated[
        int,
        Field(ge=0, description="Bootstrap draws for intervals of skewed values; 0: no intervals."),
    ] = 1000
    family: Annotated[
        Literal["metric", "table"],
        Field(description="Correct p-values over the pairs of one metric or of the whole table."),
    ] = "metric"
    fid_permutations: Annotated[
        int, Field(ge=0, description="Permutations for comparing sets (FID, KID); 0: no test.")
    ] = 0
    batch_size: BatchSize = 16
    device: Device = "auto"
    options: Annotated[
        Pairs,
        Field(description="Options of a metric; see `bench metrics NAME`."),
        Cli(("-o",), "METRIC.KEY=VALUE", list[str]),
    ] = Field(default_factory=dict)
    only: Annotated[
        bool, Field(description="Drop the runs and metrics of earlier scores that are not named.")
    ] = False
    overwrite: Annotated[
        bool, Field(description="Measure the named runs and metrics again instead of resuming.")
    ] = False
    workspace: Annotated[
        Path | None, Field(description="Root of the workspace."), Cli(hidden=True)
    ] = None
