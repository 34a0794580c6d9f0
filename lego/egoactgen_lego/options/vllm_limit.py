"""The option `--limit` of the stages that apply a VLLM to a split."""

from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.options import Cli

VllmLimit = Annotated[
    int | None,
    Field(
        ge=1,
        description="Only N samples: of a training split, drawn from all its videos; of a test "
        "split, the first ones, as `bench run` takes them.",
    ),
    Cli(metavar="N"),
]
