"""Learned perceptual image patch similarity (Zhang et al. 2018)."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from egoactgen_bench.metrics.base import Metric
from egoactgen_bench.metrics.batch import Batch
from egoactgen_bench.options import Options

TRUNKS = {
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
}
TOY_SIZE = 64  # pixels of a side of what the toy's trunk learned from


class LpipsOptions(Options):
    network: Literal["squeeze", "alex", "vgg"] = Field(
        default="squeeze", description="the trunk: SqueezeNet 1.1, AlexNet or VGG-16"
    )
    range: Literal["-1..1", "0..1"] = Field(
        default="-1..1", description="what the network is fed; it was made for -1..1"
    )
    resize: Literal["lanczos", "released"] = Field(
        default="lanczos", description="how an output of another size than its target's is fitted"
    )


class Lpips(Metric[LpipsOptions]):
    """Learned perceptual distance (LPIPS) of the output and the target, on SqueezeNet."""

    name, label, position = "lpips", "LPIPS", 60
    factor = 100
    higher_is_better = False
    Options = LpipsOptions
    packages = ("lpips", "torch", "torchvision")

    @classmethod
    def variants(cls) -> Mapping[str, LpipsOptions]:
        released = LpipsOptions(range="0..1", resize="released")
        return {"standard": LpipsOptions(), "lego-release": released}

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((TRUNKS[self.options.network],),)

    def facts(self) -> Mapping[str, str]:
        return {"size": f"{TOY_SIZE}", "heads": "uniform"} if self.setting.toy else {}

    def measure(self, batch: Batch) -> NDArray[np.float32]:
        """(n, 1) distances, 0 for an identical pair."""
        from egoactgen_bench.images import resize
        from egoactgen_bench.metrics.lpips_network import distances, load_lpips

        trunk = self.weight_path(TRUNKS[self.options.network])
        toy = self.setting.toy
        network = load_lpips(self.options.network, trunk, self.setting.device, uniform=toy)
        outputs = batch.images("output", resize if self.options.resize == "lanczos" else None)
        targets = batch.images("target")
        if toy:
            square = (TOY_SIZE, TOY_SIZE)
            outputs, targets = ([resize(f, square) for f in side] for side in (outputs, targets))
        return distances(network, outputs, targets, self.options.range)[:, None]
