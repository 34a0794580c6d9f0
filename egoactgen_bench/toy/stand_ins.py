"""The metrics' toy weights, which come with the package and replace published ones.

`metric_weights/stand-ins.json` maps each published file to the toy file that replaces it.
"""

from pathlib import Path

from egoactgen_bench.api.toy_weights import is_toy_dataset
from egoactgen_bench.api.weights_folder import means_shipped

FOLDER = Path(__file__).parent / "metric_weights"
JUDGE = FOLDER / "judge.safetensors"


def folder_for(dataset: str, chosen: Path | None, models: Path) -> Path:
    """The weights folder for scoring a data set: `chosen` if given ("toy" means the toy weights).

    The default is `models`, or the toy weights if the data set is a toy one.
    """
    if chosen is not None:
        return FOLDER if means_shipped(str(chosen)) else chosen
    return FOLDER if is_toy_dataset(dataset) else models
