"""Options of an ablation."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import (
    CaptionerName,
    Device,
    Dtype,
    MethodBatchSize,
    Metrics,
    Preset,
    Protocol,
    WeightsDir,
)
from egoactgen_bench.api.options import Cli, Options, Pairs, Words


class AblateOptions(Options):
    """Which rows of which tables are computed, and how."""

    tables: Annotated[
        Words,
        Field(description="Tables to compute."),
        Cli(choices=("methods", "conditioning", "tuning", "controls")),
    ] = ("conditioning",)
    rows: Annotated[
        Words | None,
        Field(
            description="Only these rows of the tables (--dry-run lists them), or feature kinds "
            "joined by +, such as joint+depth, as rows of the table conditioning."
        ),
        Cli(metavar="A,B"),
    ] = None
    preset: Preset = "toy"
    seeds: Annotated[
        Words,
        Field(description="Random seeds: each row is trained and run once per seed."),
        Cli(metavar="0,1,2"),
    ] = ("0",)
    options: Annotated[
        Pairs,
        Field(
            description="train.iterations=100 or run.steps=20 for all plug-ins that have the "
            "option; train.TRAINER.KEY or run.METHOD.KEY for one."
        ),
    ] = Field(default_factory=dict)
    metrics: Metrics = None
    protocol: Protocol = "standard"
    weights: WeightsDir = None
    captioner: CaptionerName = "transformers"
    batch_size: MethodBatchSize = None
    device: Device = "auto"
    dtype: Dtype = "float32"


class MaterialOptions(Options):
    """Sets of descriptions by name, and the features."""

    descriptions: Annotated[
        str | None,
        Field(description="The tuned VLLM's descriptions, in descriptions/ of both splits."),
        Cli(metavar="NAME"),
    ] = None
    train_descriptions: Annotated[
        str | None,
        Field(description="Other descriptions for the training split."),
        Cli(metavar="NAME"),
    ] = None
    untuned: Annotated[
        str | None,
        Field(description="Descriptions by the VLLM before tuning."),
        Cli(metavar="NAME"),
    ] = None
    oracle: Annotated[
        str | None, Field(description="True descriptions of the test split."), Cli(metavar="NAME")
    ] = None
    features: Annotated[
        Path | None,
        Field(
            description="Folder with DESCRIPTIONS/SPLIT/image and text (default: the workspace's "
            "features/)."
        ),
        Cli(metavar="DIR"),
    ] = None
    vllm: Annotated[
        str | None,
        Field(description="A VLLM that computes the features as they are needed, without files."),
        Cli(metavar="NAME"),
    ] = None
    untuned_vllm: Annotated[
        str | None, Field(description="The same for the VLLM before tuning."), Cli(metavar="NAME")
    ] = None
