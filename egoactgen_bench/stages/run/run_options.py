"""The options of `bench run`."""

from pydantic import Field

from egoactgen_bench.api.common_options import (
    DescriptionsName,
    Device,
    Dtype,
    Limit,
    MethodBatchSize,
    MethodOptions,
    PlaceOptions,
    Seed,
    Shard,
    WeightsName,
)


class RunOptions(PlaceOptions):
    """The options of a run apart from the method's own."""

    weights: WeightsName = None
    descriptions: DescriptionsName = None
    options: MethodOptions = Field(default_factory=dict)
    seed: Seed = 0
    batch_size: MethodBatchSize = None
    device: Device = "auto"
    dtype: Dtype = "float32"
    limit: Limit = None
    shard: Shard = "1/1"
