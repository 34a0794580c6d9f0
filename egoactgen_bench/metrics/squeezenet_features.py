"""The toy SqueezeNet: the trunk of the toy LPIPS, and the features of the toy FID and KID."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.metrics.tensors import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    evaluating,
    normalise,
    one_by_one_on_cpu,
    unit_tensor,
)
from egoactgen_bench.support import images
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.stored_tensors import load_network

SIZE = 64  # side of a frame in pixels
WIDTH = 64  # few features, so that small sets have a regular covariance


class ToyFeatures(nn.Module):
    """SqueezeNet 1.1 without its classifier, and a linear layer on its pooled channels."""

    def __init__(self) -> None:
        from torchvision.models import squeezenet1_1

        super().__init__()
        self.features = squeezenet1_1().features
        self.embed = nn.Linear(512, WIDTH)

    def forward(self, frames: Tensor) -> Tensor:
        """(n, 3, 64, 64), ImageNet-normalised → (n, 64)."""
        embedded: Tensor = self.embed(self.features(frames).mean((2, 3)))
        return embedded


@dataclass(frozen=True)
class ToyImages(Extractor):
    """Embeds a frame, resized to 64 × 64, as 64 features of mean square 1."""

    weights: Path
    device: str

    def signature(self) -> str:
        return f"toy-features|{content_digest(self.weights)}|mean-square:1"

    @one_by_one_on_cpu
    @evaluating()
    def extract(self, items: Sequence[tuple[Image.Image, ...]]) -> NDArray[np.float32]:
        """(n, 64) float32."""
        squares = [unit_tensor(images.resize(frame, (SIZE, SIZE))) for (frame,) in items]
        seen = normalise(torch.stack(squares), IMAGENET_MEAN, IMAGENET_STD)
        features = load_features(self.weights, self.device)(seen.to(self.device))
        embedded: NDArray[np.float32]
        embedded = (nn.functional.normalize(features) * WIDTH**0.5).cpu().numpy()
        return embedded


@functools.cache
def load_features(weights: Path, device: str = "cpu") -> ToyFeatures:
    """The network of a safetensors file, in eval mode."""
    return load_network(ToyFeatures(), weights, "the toy SqueezeNet", device)
