"""The options of `bench run`."""

from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import (
    AllowUpload,
    DescriptionsName,
    Device,
    Limit,
    MethodBatchSize,
    MethodDtype,
    MethodOptions,
    PlaceOptions,
    Seed,
    Shard,
    WeightsName,
)
from egoactgen_bench.api.options import Cli


class RunOptions(PlaceOptions):
    """The options of a run apart from the method's own."""

    weights: WeightsName = None
    descriptions: DescriptionsName = None
    options: MethodOptions = Field(default_factory=dict)
    seed: Seed = 0
    batch_size: MethodBatchSize = None
    device: Device = "auto"
    dtype: MethodDtype = "auto"
    limit: Limit = None
    shard: Shard = "1/1"
    allow_upload: AllowUpload = False
    keep_going: Annotated[
        bool,
        Field(
            description="Finish even if the first samples all fail alike; else the run then stops."
        ),
        Cli(("--keep-going",)),
    ] = False
