"""Learned perceptual image patch similarity (LPIPS, Zhang et al. 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.support.images import resize

TRUNKS = {
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
}
PUBLISHED = (
    PublishedWeights(
        name=TRUNKS["squeeze"],
        about="LPIPS trunk of the paper",
        licence="BSD-3-Clause (torchvision)",
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        size=4_958_839,
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
    ),
    PublishedWeights(
        name=TRUNKS["alex"],
        about="LPIPS trunk, option network=alex",
        licence="BSD-3-Clause (torchvision)",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        size=244_408_911,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    ),
    PublishedWeights(
        name=TRUNKS["vgg"],
        about="LPIPS trunk, option network=vgg",
        licence="BSD-3-Clause (torchvision)",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        size=553_433_881,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    ),
)
TOY_SIZE = 64  # side in pixels of the images that the toy trunk was trained on


class LpipsOptions(Options):
    network: Literal["squeeze", "alex", "vgg"] = Field(
        default="squeeze", description="trunk: SqueezeNet 1.1, AlexNet or VGG-16"
    )
    range: Literal["-1..1", "0..1"] = Field(
        default="-1..1", description="range of the network's input; it expects -1..1"
    )
    resize: Literal["lanczos", "released"] = Field(
        default="lanczos", description="how an output is resized to its target's size"
    )


class Lpips(Metric[LpipsOptions]):
    """Learned perceptual distance (LPIPS) between the output and the target, with SqueezeNet."""

    name, label, position = "lpips", "LPIPS", 60
    factor = 100
    higher_is_better = False
    bounds = (0.0, float("inf"))
    Options = LpipsOptions
    packages = ("lpips", "torch", "torchvision")
    published_weights = PUBLISHED

    @classmethod
    def variants(cls) -> Mapping[str, LpipsOptions]:
        released = LpipsOptions(range="0..1", resize="released")
        return {"standard": LpipsOptions(), "lego-release": released}

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((TRUNKS[self.options.network],),)

    def facts(self) -> Mapping[str, str]:
        return toy_facts(self.context)

    def measure(self, batch: Batch) -> NDArray[np.float32]:
        """(n, 1) float32 distances ≥ 0; 0 for an identical pair."""
        trunk = self.weight_path(TRUNKS[self.options.network])
        return compare(self.options, trunk, self.context, batch).distances[:, None]


def toy_facts(context: MetricContext) -> dict[str, str]:
    """What is different with the toy trunk."""
    return {"size": f"{TOY_SIZE}", "heads": "uniform"} if context.weights_folder.label else {}


@dataclass(frozen=True)
class Compared:
    """The (n,) float32 distances of a batch, and, if it has boxes, their maps for regions.

    A map is (height, width) float32, of its target's size.
    """

    distances: NDArray[np.float32]
    maps: list[NDArray[np.float32]]


def compare(options: LpipsOptions, trunk: Path, context: MetricContext, batch: Batch) -> Compared:
    """Compare the outputs with the targets, once for all metrics of a batch."""
    key = f"lpips|{trunk}|{options.range}|{options.resize}"
    return batch.once(key, lambda: _compare(options, trunk, context, batch))


def _compare(options: LpipsOptions, trunk: Path, context: MetricContext, batch: Batch) -> Compared:
    from egoactgen_bench.metrics import lpips_network

    device, toy = context.device, context.weights_folder.label
    network = lpips_network.load_lpips(options.network, trunk, device, uniform=toy)
    outputs = batch.images("output", resize if options.resize == "lanczos" else None)
    targets = batch.images("target")
    sizes = [target.size for target in targets]
    if toy:
        square = (TOY_SIZE, TOY_SIZE)
        outputs, targets = ([resize(f, square) for f in side] for side in (outputs, targets))
    chunks = lpips_network.chunks(targets, device)

    def embed(frames: list[Image.Image], chunk: list[int]) -> lpips_network.Features:
        chosen, size = [frames[position] for position in chunk], targets[chunk[0]].size
        return lpips_network.embed(network, chosen, size, options.range)

    # Too large for the disk; kept in memory until all runs are compared on this batch.
    embedded = batch.across_runs(
        f"lpips|{trunk}|{options.range}",
        lambda: [embed(targets, chunk) for chunk in chunks],
    )
    values = np.empty(len(batch), np.float32)
    maps: dict[int, NDArray[np.float32]] = {}
    for chunk, theirs in zip(chunks, embedded, strict=True):
        ours = embed(outputs, chunk)
        values[chunk] = lpips_network.distances(network, ours, theirs)
        if "boxes" in batch.roles:
            wanted = [sizes[position] for position in chunk]
            maps |= zip(chunk, lpips_network.maps(network, ours, theirs, wanted), strict=True)
    return Compared(values, [maps[position] for position in sorted(maps)])
