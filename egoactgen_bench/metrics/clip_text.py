"""CLIP similarity of an image and the action label."""

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.feature_metric import cosine
from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.clip import PUBLISHED, WEIGHTS


class ClipText(Metric[Options]):
    """CLIP ViT-L/14 similarity of the output and the action label (weak on egocentric frames)."""

    name, label, position = "clip_text", "CLIP text", 140
    factor = 100
    higher_is_better = True
    bounds = (-1.0, 1.0)
    needs = frozenset({"output", "target", "action"})  # the target, as it determines the size
    packages = ("open_clip_torch", "pillow", "torch")
    published_weights = (PUBLISHED["ViT-L-14"],)

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return (WEIGHTS,)

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) float64 cosines in [−1, 1]."""
        from egoactgen_bench.metrics.clip_network import ClipImages, ClipTexts

        path, device = self.weight_path(*WEIGHTS), self.context.device
        frames = batch.features(ClipImages(path, "open_clip", "quick_gelu", device), "output")
        actions = batch.features(ClipTexts(path, device), "action")
        return cosine(frames, actions)[:, None]
