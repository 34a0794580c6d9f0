"""How a VLLM's tokens are sampled."""

from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.options import Options


class Sampling(Options):
    """How the next token is chosen: sampled at `temperature` from the `top_k` likeliest; 0: greedy.

    The defaults are the authors' (for `top_k`, transformers' default, which they did not change).
    """

    temperature: Annotated[float, Field(ge=0, description="Sampling temperature; 0: greedy.")] = 0.2
    top_k: Annotated[int, Field(ge=1, description="Sample from this many likeliest tokens.")] = 50
    max_new_tokens: Annotated[
        int, Field(ge=1, description="Maximum number of tokens of a description.")
    ] = 1024
