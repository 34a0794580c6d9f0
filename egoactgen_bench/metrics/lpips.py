"""Learned perceptual image patch similarity (LPIPS, Zhang et al. 2018)."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from egoactgen_bench.api.metric import Metric
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
        toy = self.context.weights_folder.label
        return {"size": f"{TOY_SIZE}", "heads": "uniform"} if toy else {}

    def measure(self, batch: Batch) -> NDArray[np.float32]:
        """(n, 1) float32 distances ≥ 0; 0 for an identical pair."""
        from egoactgen_bench.metrics import lpips_network

        trunk = self.weight_path(TRUNKS[self.options.network])
        device, toy = self.context.device, self.context.weights_folder.label
        network = lpips_network.load_lpips(self.options.network, trunk, device, uniform=toy)
        outputs = batch.images("output", resize if self.options.resize == "lanczos" else None)
        targets = batch.images("target")
        if toy:
            square = (TOY_SIZE, TOY_SIZE)
            outputs, targets = ([resize(f, square) for f in side] for side in (outputs, targets))
        chunks = lpips_network.chunks(targets, device)

        def embed(frames: list[Image.Image], chunk: list[int]) -> lpips_network.Features:
            chosen, size = [frames[position] for position in chunk], targets[chunk[0]].size
            return lpips_network.embed(network, chosen, size, self.options.range)

        # Too large for the disk; kept in memory until all runs are compared on this batch.
        embedded = batch.across_runs(
            f"lpips|{trunk}|{self.options.range}",
            lambda: [embed(targets, chunk) for chunk in chunks],
        )
        values = np.empty((len(batch), 1), np.float32)
        for chunk, theirs in zip(chunks, embedded, strict=True):
            values[chunk, 0] = lpips_network.distances(network, embed(outputs, chunk), theirs)
        return values
