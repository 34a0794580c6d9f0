"""Where the weights of a VLLM lie."""

from pathlib import Path

from egoactgen_bench.api.weights_folder import locate
from egoactgen_bench.toy import NAME
from egoactgen_lego import toy


def find_weights(name: str, models: Path) -> Path:
    """The folder of a VLLM that `name` means: a path, a name in `models`, or `toy`, shipped."""
    if name == NAME and not Path(name).exists() and not (models / name).exists():
        return toy.WEIGHTS / "vllm"
    return locate(name, models, "VLLM")
