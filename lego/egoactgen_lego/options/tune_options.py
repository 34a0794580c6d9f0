"""What can be chosen for a tuning."""

from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import (
    Device,
    Overwrite,
)
from egoactgen_bench.api.options import Options, Pairs


class TuneOptions(Options):
    """The choices of a tuning."""

    options: Annotated[Pairs, Field(description="As docs/lego.md lists them; repeatable.")] = Field(
        default_factory=dict
    )
    seed: Annotated[int, Field(description="Of order and questions.")] = 0
    device: Device = "auto"
    overwrite: Overwrite = False
