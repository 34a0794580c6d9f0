"""The Fréchet Inception distance, and what it shares with the kernel Inception distance."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch, Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.feature_sides import sides
from egoactgen_bench.metrics.frechet import Moments, frechet_distance
from egoactgen_bench.support.row_store import with_revision

WEIGHTS = {
    "clean": "inception-2015-12-05.pt",
    "legacy_pytorch": "pt_inception-2015-12-05-6726825d.pth",
}


class InceptionOptions(Options):
    mode: Literal["clean", "legacy_pytorch"] = Field(
        default="clean", description="clean-fid's name for the network and the resize"
    )


class InceptionDistance(Metric[InceptionOptions]):
    """Base of distances between the outputs' and the targets' Inception features."""

    higher_is_better = False
    Options = InceptionOptions
    packages = ("clean-fid", "pillow", "torch", "torchvision")
    per_sample = False
    minimum_samples = 2
    advised_samples = 2048

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((WEIGHTS[self.options.mode],),)

    def extractor(self) -> Extractor:
        """The network whose features are compared; the toy's is no Inception."""
        if self.context.stand_in:
            from egoactgen_bench.metrics.squeezenet_features import ToyImages

            return ToyImages(self.weight_path(WEIGHTS[self.options.mode]), self.context.device)
        from egoactgen_bench.metrics.inception_network import InceptionImages

        path = self.weight_path(WEIGHTS[self.options.mode])
        return InceptionImages(path, self.options.mode, self.context.device)

    def measurement(self) -> str:
        """Features of the same network are the same rows, whichever distance is taken."""
        return with_revision(self.extractor().kept_as(), self.revision)

    def measure(self, batch: Batch) -> NDArray[np.float32]:
        """(n, 4096), of the toy (n, 128): the output's features, then the target's."""
        extractor = self.extractor()
        sides = [batch.features(extractor, role) for role in ("output", "target")]
        return np.concatenate(sides, axis=1)


class Fid(InceptionDistance):
    """Fréchet distance of the outputs' and the targets' Inception features."""

    name, label, position = "fid", "FID", 40

    @classmethod
    def variants(cls) -> Mapping[str, InceptionOptions]:
        released = InceptionOptions(mode="legacy_pytorch")
        return {"standard": InceptionOptions(), "lego-release": released}

    def summarise(self, rows: NDArray[np.floating]) -> float:
        """The distance, 0 or more; no unit."""
        outputs, targets = map(Moments.of, sides(rows))
        return frechet_distance(outputs, targets)
