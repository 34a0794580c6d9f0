"""The toy weights of the metrics, which come with the package in place of published ones.

`metric_weights/stand-ins.json` says which published file each of them stands in for.
"""

from pathlib import Path

from egoactgen_bench.api import plugins
from egoactgen_bench.api.weights_folder import means_shipped

FOLDER = Path(__file__).parent / "metric_weights"
JUDGE = FOLDER / "judge.safetensors"


def folder_for(dataset: str, chosen: Path | None, models: Path) -> Path:
    """The folder of weights to score a data set with: the chosen one, if any.

    By default `models`, and for the toy kitchen the toy weights; they may be chosen by their name.
    """
    if chosen is not None:
        return FOLDER if means_shipped(str(chosen)) else chosen
    known = plugins.registered("datasets")
    return FOLDER if dataset in known and known[dataset].load().toy else models
