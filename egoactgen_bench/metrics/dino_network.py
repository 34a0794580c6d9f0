"""DINOv2 through transformers: embeds frames."""

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
from egoactgen_bench.metrics.tensors import evaluating, one_by_one_on_cpu
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.pretrained import load_model, load_processor


@dataclass(frozen=True)
class DinoImages(Extractor):
    """Embeds a frame as DINOv2's normalised class token."""

    folder: Path
    device: str

    def signature(self) -> str:
        return f"dinov2|{content_digest(self.folder)}"

    @one_by_one_on_cpu
    @evaluating()
    def extract(self, items: Sequence[tuple[Image.Image, ...]]) -> NDArray[np.float32]:
        """(n, 768) float32, not normalised."""
        model, processor = load_dino(self.folder, self.device)
        pixels = [processor(frame, return_tensors="pt")["pixel_values"] for (frame,) in items]
        outputs = model(torch.cat(pixels).to(self.device))
        embedded: NDArray[np.float32] = outputs.pooler_output.cpu().numpy()
        return embedded


@functools.cache
def load_dino(folder: Path, device: str) -> tuple[Any, Any]:
    from transformers import AutoImageProcessor, Dinov2Model
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = load_model(Dinov2Model, folder, dtype=torch.float32)
    return model.to(device), load_processor(AutoImageProcessor, folder)
