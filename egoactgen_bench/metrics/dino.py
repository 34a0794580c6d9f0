"""DINOv2 similarity of images."""

from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.cosine import CosineMetric

FOLDER = "dinov2-base"


class Dino(CosineMetric[Options]):
    """DINOv2 ViT-B/14 similarity of the output and the target: appearance, without language."""

    name, label, position = "dino", "DINOv2", 130
    packages = ("pillow", "torch", "transformers")

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((FOLDER,),)

    def extractor(self) -> Extractor:
        from egoactgen_bench.metrics.dino_network import DinoImages

        return DinoImages(self.weight_path(FOLDER), self.context.device)
