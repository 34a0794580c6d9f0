"""How a VLLM's tokens are drawn."""

from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.options import Options


class Sampling(Options):
    """How the next token is chosen: drawn at `temperature` from the `top_k` likeliest; 0: greedy.

    The defaults are the authors' (`top_k` is that of transformers, which they left).
    """

    temperature: Annotated[float, Field(ge=0, description="0: greedy.")] = 0.2
    top_k: Annotated[int, Field(ge=1, description="Draw from so many likeliest tokens.")] = 50
    max_new_tokens: Annotated[int, Field(ge=1, description="Most tokens of a description.")] = 1024
