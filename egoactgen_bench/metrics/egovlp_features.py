"""EgoVLP's embeddings of clips made of still frames, and of sentences."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from egoactgen_bench.api.metric_batch import Extractor, Size
from egoactgen_bench.metrics.egovlp_network import VideoTower
from egoactgen_bench.metrics.egovlp_text import SentenceEncoder
from egoactgen_bench.metrics.egovlp_weights import Inflation, load_video_tower
from egoactgen_bench.metrics.tensors import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    centre_square,
    evaluating,
    normalise,
    one_by_one_on_cpu,
    resize_bilinear,
    unit_tensor,
)
from egoactgen_bench.support.provenance import content_digest

FRAMES_AT_ONCE = 64  # on a GPU; 2 GB of activations in ViT-B

Resize = Literal["lanczos", "released"]


@dataclass(frozen=True)
class EgovlpClips(Extractor):
    """Embeds a clip in which each frame of an item is repeated equally often."""

    checkpoint: Path
    frames: int
    antialias: bool
    resize: Resize
    inflation: Inflation
    device: str

    def signature(self) -> str:
        return (
            f"egovlp|{content_digest(self.checkpoint)}|frames:{self.frames}"
            f"|antialias:{self.antialias}|resize:{self.resize}|inflation:{self.inflation}"
        )

    def fit(self, output: Image.Image, size: Size) -> Image.Image:
        """The released code resizes a frame only to the clip's size; see `clip_tensor`."""
        return super().fit(output, size) if self.resize == "lanczos" else output

    @evaluating()
    def extract(self, items: Sequence[tuple[Image.Image, ...]]) -> NDArray[np.float32]:
        """(n, 256) float32, not normalised."""
        tower = _video_tower(self.checkpoint, self.frames, self.inflation, self.device)
        # On a CPU, the activations of one clip fit into the cache, those of more do not.
        step = 1 if self.device == "cpu" else max(1, FRAMES_AT_ONCE // self.frames)
        parts = [items[start : start + step] for start in range(0, len(items), step)]
        return np.concatenate([self._embed(tower, part) for part in parts])

    def _embed(
        self, tower: VideoTower, items: Sequence[tuple[Image.Image, ...]]
    ) -> NDArray[np.float32]:
        clips = [clip_tensor(item, self.frames, tower.image_size, self.antialias) for item in items]
        embedded: NDArray[np.float32] = tower(torch.stack(clips).to(self.device)).cpu().numpy()
        return embedded


@dataclass(frozen=True)
class EgovlpSentences(Extractor):
    """Embeds a sentence with EgoVLP's text tower."""

    checkpoint: Path
    distilbert: Path
    device: str

    def signature(self) -> str:
        files = self.checkpoint, self.distilbert / "vocab.txt", self.distilbert / "config.json"
        return "|".join(["egovlp-text", *map(content_digest, files)])

    @one_by_one_on_cpu
    def extract(self, items: Sequence[tuple[Any, ...]]) -> NDArray[np.float32]:
        """(n, 256) float32, not normalised."""
        encoder = _sentence_encoder(self.checkpoint, self.distilbert, self.device)
        return encoder.encode([sentence for (sentence,) in items]).cpu().numpy()


def clip_tensor(stills: Sequence[Image.Image], frames: int, size: int, antialias: bool) -> Tensor:
    """(frames, 3, size, size) float32, ImageNet-normalised: each still is repeated equally often.

    Stills are resized to the size of the first one; then the shorter side is resized to `size` and
    the centre square is cropped.
    """
    tensors = [unit_tensor(frame) for frame in stills]
    height, width = tensors[0].shape[1:]
    squares = torch.stack(
        [
            centre_square(resize_bilinear(tensor, height, width, antialias), size, antialias)
            for tensor in tensors
        ]
    )
    clip = normalise(squares, IMAGENET_MEAN, IMAGENET_STD)
    return clip.repeat_interleave(frames // len(stills), dim=0)


@functools.cache
def _video_tower(checkpoint: Path, frames: int, inflation: Inflation, device: str) -> VideoTower:
    return load_video_tower(checkpoint, frames, inflation).to(device)


@functools.cache
def _sentence_encoder(checkpoint: Path, distilbert: Path, device: str) -> SentenceEncoder:
    encoder = SentenceEncoder.load(checkpoint, distilbert)
    encoder.tower.to(device)
    return encoder
