"""DreamSim: a distance learned from human judgements (Fu et al. 2023, arXiv 2306.09344)."""

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.feature_metric import FeatureMetric, cosine
from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights

BACKBONE = PublishedWeights(
    name="dino_vitbase16_pretrain.pth",
    about="DINO ViT-B/16, which DreamSim adapts",
    licence="Apache-2.0",
    url="https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
    size=343_242_485,
    sha256="bf34ad0f424b9029b593e8dc3ed553bf26e88bcba0d32bf3e62a6209cb64c85e",
)
ADAPTER = PublishedWeights(
    name="dreamsim_dino_vitb16_checkpoint.zip",
    about="DreamSim's adapter of DINO ViT-B/16 (LoRA), with a copy of DINO that is not read",
    licence="MIT",
    url="https://github.com/ssundaram21/dreamsim/releases/download/v0.2.0-checkpoints/"
    "dreamsim_dino_vitb16_checkpoint.zip",
)
UNPACKED = "dino_vitb16_single_lora"  # the folder in the archive


class DreamSim(FeatureMetric[Options]):
    """DreamSim (DINO ViT-B/16): learned perceptual distance of the output and the target."""

    name, label, position = "dreamsim", "DreamSim", 65
    factor = 100
    higher_is_better = False
    bounds = (0.0, 2.0)
    packages = ("pillow", "torch", "transformers")
    published_weights = (BACKBONE, ADAPTER)

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return (BACKBONE.name,), (ADAPTER.name, UNPACKED)

    def extractor(self) -> Extractor:
        from egoactgen_bench.metrics.dreamsim_network import DreamSimImages

        backbone, adapter = (self.weight_path(*names) for names in self.weights())
        return DreamSimImages(backbone, adapter, self.context.device)

    def compare(
        self, ours: NDArray[np.float32], theirs: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """1 − cosine of the centred embeddings, in [0, 2]."""
        return np.clip(1 - cosine(ours, theirs), 0, 2)  # rounding may make it negative
