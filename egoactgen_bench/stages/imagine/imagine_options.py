"""What can be chosen for imagined actions."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from egoactgen_bench.api.common_options import (
    AllowUpload,
    Device,
    MethodDtype,
    MethodOptions,
    WeightsName,
)
from egoactgen_bench.api.options import Cli, Options


class ImagineOptions(Options):
    """Which method generates the frames, and what it is given."""

    method: Annotated[
        str,
        Field(description="A name of `bench methods`, or module:Class."),
        Cli(metavar="METHOD", names="methods"),
    ] = "lego"
    description: Annotated[
        list[str],
        Field(description="How it is done: one for each --action, in order."),
        BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
        Cli(metavar="TEXT", kind=list[str]),
    ] = Field(default_factory=list)
    descriptions: Annotated[
        str | None,
        Field(description="Of the split: serves the sample's own action."),
        Cli(metavar="NAME"),
    ] = None
    weights: WeightsName = None
    seed: Annotated[int, Field(description="Each frame's seed derives from it.")] = 0
    device: Device = "auto"
    dtype: MethodDtype = "auto"
    options: MethodOptions = Field(default_factory=dict)
    allow_upload: AllowUpload = False
