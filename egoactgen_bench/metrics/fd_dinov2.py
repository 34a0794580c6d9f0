"""FD-DINOv2: the Fréchet distance of DINOv2's features (Stein et al. 2023, arXiv 2306.04675)."""

from collections.abc import Mapping

from egoactgen_bench.api.feature_metric import Features, FeatureSetMetric
from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.metrics.frechet import Moments, frechet_distance

DINOV2 = PublishedWeights(
    name="dinov2-large",
    about="DINOv2 ViT-L/14",
    licence="Apache-2.0",
    repository="facebook/dinov2-large",
    revision="47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
    files=("*.json", "model.safetensors"),
    size=1_217_600_000,
    file_hashes={
        "model.safetensors": "399fba97a95f22c36834418bc69373364a99af3a1153da1c0fb31db567c92e23"
    },
)
SIZE = 224  # side in pixels of the square that a frame is squashed to


class FdDinov2(FeatureSetMetric[Options]):
    """Fréchet distance between the outputs' and the targets' DINOv2 ViT-L/14 features."""

    name, label, position = "fd_dinov2", "FD-DINOv2", 124
    higher_is_better = False
    bounds = (0.0, float("inf"))
    packages = ("pillow", "torch", "transformers")
    published_weights = (DINOV2,)
    advised_samples = 2048

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((DINOV2.name,),)

    def facts(self) -> Mapping[str, str]:
        return {} if self.context.weights_folder.label else {"size": f"{SIZE}"}

    def extractor(self) -> Extractor:
        """The network whose features are compared; toy weights are those of `dino`."""
        path = self.weight_path(DINOV2.name)
        if self.context.weights_folder.label:
            from egoactgen_bench.metrics.dino_network import DinoImages

            return DinoImages(path, self.context.device)
        from egoactgen_bench.metrics.dino_squares import DinoSquares

        return DinoSquares(path, SIZE, self.context.device)

    def distance(self, outputs: Features, targets: Features) -> float:
        """A distance ≥ 0, without a unit."""
        return frechet_distance(Moments.of(outputs), Moments.of(targets))
