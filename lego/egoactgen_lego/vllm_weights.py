"""Finding the weights of a VLLM."""

from pathlib import Path

from egoactgen_bench.api.weights_folder import locate, means_shipped
from egoactgen_lego import toy


def find_weights(name: str, models: Path) -> Path:
    """The folder of the VLLM `name`: a path, a name in `models`, or `toy`, which is shipped."""
    if means_shipped(name, models):
        return toy.WEIGHTS / "vllm"
    return locate(name, models, "VLLM")
