"""Toy weights, which know only the toy kitchen: how they are recognised, and where they are used.

They are the default on the toy kitchen. On any other data set they must be named, and everything
that shows a result says that they were used.
"""

from pathlib import Path

from egoactgen_bench.api import plugins
from egoactgen_bench.api.weights_folder import SHIPPED
from egoactgen_bench.artifacts.manifests import TRAIN, RunManifest
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json

UNTRAINED = "untrained.json"  # the file that marks a folder of untrained weights
TOY_SPLIT = "toy-kitchen"  # begins the names of splits that a train.json without `dataset` records
# sha256 of the UNets that the packages include or once included. They identify runs whose run.json,
# written by an older version, does not say that their weights are toy weights.
UNETS = frozenset(
    {
        "9288f6eb9803c3a595e776501b43a15ba6faac3b241eeba71dd04dbfe1214236",  # lego
        "42f16fbcb65d27da1f50406527eb0a57ecfc482b3226e6ddeb6c02a2935b5e2d",  # ip2p
        "b21928e3cba194912e0aaa8c7e33b7d76d745bfca561d1a46c1c81f4e7e74d9a",  # sd
        "575c4847352c458ad65e9ca4d567e0aa7eaedb44d76766ee3f011b0a907791f8",  # lego, before
        "b5d859f7617b3e2c9fbb6fb92627dcffbdf92e560391650473af3be970cc0708",  # ip2p, before
        "965d08f4524b2eacfb67837e2571617588fe81a205d34141443731af86b31e87",  # lego, before
        "d8c7b8860db8605e36c70735194d5787deb059d97605ab94acce64921b897234",  # ip2p, before
        "c735fd0a36cad59ac9f32ccbc0503cb529a4a9cd775100d0907c78d3d32d2fa6",  # sd, before
    }
)


def is_toy_dataset(name: str | None) -> bool:
    """Whether a data set is one that toy weights were made for."""
    known = plugins.registered("datasets")
    return name in known and bool(known[name].load().toy)


def are_toy(weights: Path | None) -> bool:
    """Whether the weights in a folder were trained only on a toy data set, or not at all."""
    if weights is None or not weights.is_dir():
        return False
    if not (weights / TRAIN).is_file():
        return (weights / UNTRAINED).is_file()
    about = read_json(weights / TRAIN)
    if not isinstance(about, dict):
        return False
    if about.get("dataset"):
        return is_toy_dataset(about["dataset"])
    return str(about.get("split", "")).startswith(TOY_SPLIT)


def must_be_marked(run: RunManifest, dataset: str | None) -> bool:
    """Whether a run on a data set is one with toy weights that belongs to another data set."""
    if is_toy_dataset(dataset):
        return False
    hashes = (sha256 for sha256 in run.weights.values() if isinstance(sha256, str))
    return run.toy_weights or not UNETS.isdisjoint(hashes)


def require_named(what: str, weights: Path | None, dataset: str | None, option: str) -> None:
    """Raise `BenchError` if `weights`, a default of `what`, are toy weights and do not fit.

    `dataset` is None for an image that belongs to no data set. `option`, such as "--weights ",
    selects other weights.
    """
    if is_toy_dataset(dataset) or not are_toy(weights):
        return
    place = "this image" if dataset is None else f"the data set '{dataset}'"
    raise BenchError(
        f"The default weights of {what} are toy weights, trained only on the toy kitchen, which "
        f"show nothing on {place}: choose others with {option}PATH|NAME, or use them all the same "
        f"with {option}{SHIPPED}."
    )
