"""Where the weights of a VLLM lie."""

from pathlib import Path

from egoactgen_bench.api.weights_folder import locate, means_shipped
from egoactgen_lego import toy


def find_weights(name: str, models: Path) -> Path:
    """The folder of a VLLM that `name` means: a path, a name in `models`, or `toy`, shipped."""
    if means_shipped(name, models):
        return toy.WEIGHTS / "vllm"
    return locate(name, models, "VLLM")
