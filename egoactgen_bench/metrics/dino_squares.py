"""DINOv2 as the Fréchet distance of its features sees frames: squashed to a square."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.metrics.squares import squashed
from egoactgen_bench.metrics.tensors import evaluating, one_by_one_on_cpu
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.pretrained import load_model


@dataclass(frozen=True)
class DinoSquares(Extractor):
    """Embeds a frame, squashed to `size` × `size` pixels, as DINOv2's normalised class token.

    The preprocessing of Stein et al.'s program (dgm-eval): Pillow's bicubic resize, without a crop.
    """

    folder: Path
    size: int
    device: str

    def signature(self) -> str:
        return f"dinov2-squares|{content_digest(self.folder)}|size:{self.size}"

    @one_by_one_on_cpu
    @evaluating()
    def extract(self, items: Sequence[tuple[Image.Image, ...]]) -> NDArray[np.float32]:
        """(n, d) float32, not normalised; d is 1024 for ViT-L/14."""
        pixels = squashed([frame for (frame,) in items], self.size)
        outputs = _load(self.folder, self.device)(pixels.to(self.device))
        embedded: NDArray[np.float32] = outputs.pooler_output.cpu().numpy()
        return embedded


@functools.cache
def _load(folder: Path, device: str) -> Any:
    from transformers import Dinov2Model
    from transformers.utils import logging

    logging.disable_progress_bar()
    return load_model(Dinov2Model, folder, dtype=torch.float32).to(device)
