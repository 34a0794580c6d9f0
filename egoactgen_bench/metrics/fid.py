"""The Fréchet Inception distance (Heusel et al. 2017), and its common base with KID."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from egoactgen_bench.api.feature_metric import Features, FeatureSetMetric
from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.metrics.frechet import Moments, frechet_distance

WEIGHTS = {
    "clean": "inception-2015-12-05.pt",
    "legacy_pytorch": "pt_inception-2015-12-05-6726825d.pth",
}
PUBLISHED = (
    PublishedWeights(
        name=WEIGHTS["clean"],
        about="Inception of clean FID (protocol standard)",
        licence="Apache-2.0 (Inception, TorchScript by NVIDIA)",
        url="https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/"
        "inception-2015-12-05.pt",
        size=95_607_719,
        sha256="f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
    ),
    PublishedWeights(
        name=WEIGHTS["legacy_pytorch"],
        about="Inception of legacy FID (protocol lego-release)",
        licence="Apache-2.0 (pytorch-fid)",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        size=95_628_359,
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    ),
)


class InceptionOptions(Options):
    mode: Literal["clean", "legacy_pytorch"] = Field(
        default="clean", description="network and resize, by clean-fid's names"
    )


class InceptionDistance(FeatureSetMetric[InceptionOptions]):
    """Base of distances between the outputs' and the targets' Inception features."""

    higher_is_better = False
    Options = InceptionOptions
    packages = ("clean-fid", "pillow", "torch", "torchvision")
    published_weights = PUBLISHED
    advised_samples = 2048

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((WEIGHTS[self.options.mode],),)

    def extractor(self) -> Extractor:
        """The network whose features are compared; toy weights are those of a SqueezeNet."""
        if self.context.weights_folder.label:
            from egoactgen_bench.metrics.squeezenet_features import ToyImages

            return ToyImages(self.weight_path(WEIGHTS[self.options.mode]), self.context.device)
        from egoactgen_bench.metrics.inception_network import InceptionImages

        path = self.weight_path(WEIGHTS[self.options.mode])
        return InceptionImages(path, self.options.mode, self.context.device)


class Fid(InceptionDistance):
    """Fréchet distance between the outputs' and the targets' Inception features."""

    name, label, position = "fid", "FID", 40
    bounds = (0.0, float("inf"))

    @classmethod
    def variants(cls) -> Mapping[str, InceptionOptions]:
        released = InceptionOptions(mode="legacy_pytorch")
        return {"standard": InceptionOptions(), "lego-release": released}

    def distance(self, outputs: Features, targets: Features) -> float:
        """A distance ≥ 0, without a unit."""
        return frechet_distance(Moments.of(outputs), Moments.of(targets))
