"""DINOv2 similarity of two images."""

from egoactgen_bench.api.feature_metric import CosineMetric
from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights

DINOV2 = PublishedWeights(
    name="dinov2-base",
    about="DINOv2 ViT-B/14",
    licence="Apache-2.0",
    repository="facebook/dinov2-base",
    revision="f9e44c814b77203eaa57a6bdbbd535f21ede1415",
    files=("*.json", "model.safetensors"),
    size=346_346_896,
    file_hashes={
        "config.json": "f7ff4cfa73d2f70647dbf6950541ad25d73082d54c2e7e9bded160c7656b2a70",
        "model.safetensors": "d73036b56966966d07975d696bde331762f37297e2f095de8cea0040c3aa0841",
    },
)


class Dino(CosineMetric[Options]):
    """DINOv2 ViT-B/14 similarity of the output and the target (trained without language)."""

    name, label, position = "dino", "DINOv2", 130
    packages = ("pillow", "torch", "transformers")
    published_weights = (DINOV2,)

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((DINOV2.name,),)

    def extractor(self) -> Extractor:
        from egoactgen_bench.metrics.dino_network import DinoImages

        return DinoImages(self.weight_path(DINOV2.name), self.context.device)
