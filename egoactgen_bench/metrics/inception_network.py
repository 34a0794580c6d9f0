"""Inception features of frames, with the networks and resizes of two modes of clean-fid."""

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from cleanfid import inception_pytorch
from cleanfid.inception_torchscript import InceptionV3W
from cleanfid.resize import build_resizer
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.api.metric_batch import Extractor, Size
from egoactgen_bench.metrics.tensors import evaluating, one_by_one_on_cpu, placed
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.pretrained import refusing
from egoactgen_bench.weights.stored_tensors import must_fit
from egoactgen_bench.weights.torchscript import check_execution, check_torchscript

if TYPE_CHECKING:
    Inception3 = nn.Module  # torchvision has no types
else:
    from torchvision.models import Inception3

Mode = Literal["clean", "legacy_pytorch"]


@dataclass(frozen=True)
class InceptionImages(Extractor):
    """Embeds a frame as the 2048 pooled Inception features of clean-fid's `mode`."""

    weights: Path
    mode: Mode
    device: str

    def signature(self) -> str:
        return f"inception|{content_digest(self.weights)}|{self.mode}"

    def fit(self, output: Image.Image, size: Size) -> Image.Image:
        """The released code resizes a frame of any size directly to the network's square."""
        return super().fit(output, size) if self.mode == "clean" else output

    @one_by_one_on_cpu
    @evaluating()
    def extract(self, items: Sequence[tuple[Image.Image, ...]]) -> NDArray[np.float32]:
        """(n, 2048) float32."""
        resize = build_resizer(self.mode)
        squares = np.stack([resize(np.asarray(frame)) for (frame,) in items])
        pixels = torch.from_numpy(squares.transpose(0, 3, 1, 2)).to(self.device)
        network = _load(self.weights, self.mode, self.device)
        embedded: NDArray[np.float32] = network(pixels).cpu().numpy()
        return embedded


class FidInception(Inception3):
    """torchvision's Inception with the blocks of the TensorFlow network that defines FID."""

    def __init__(self) -> None:
        super().__init__(num_classes=1008, aux_logits=False, init_weights=False)
        self.Mixed_5b = inception_pytorch.FIDInceptionA(192, pool_features=32)
        self.Mixed_5c = inception_pytorch.FIDInceptionA(256, pool_features=64)
        self.Mixed_5d = inception_pytorch.FIDInceptionA(288, pool_features=64)
        self.Mixed_6b = inception_pytorch.FIDInceptionC(768, channels_7x7=128)
        self.Mixed_6c = inception_pytorch.FIDInceptionC(768, channels_7x7=160)
        self.Mixed_6d = inception_pytorch.FIDInceptionC(768, channels_7x7=160)
        self.Mixed_6e = inception_pytorch.FIDInceptionC(768, channels_7x7=192)
        self.Mixed_7b = inception_pytorch.FIDInceptionE_1(1280)
        self.Mixed_7c = inception_pytorch.FIDInceptionE_2(2048)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, 299, 299) in [0, 255] → (n, 2048)."""
        features: Tensor = super().forward(pixels / 255 * 2 - 1)
        return features


def build_fid_inception(state: dict[str, Tensor]) -> FidInception:
    """The network with the parameters `state`, loaded strictly, in eval mode; no classifier."""
    with torch.device("meta"):
        network = FidInception()
    network.load_state_dict(state, strict=True, assign=True)
    network.fc = nn.Identity()
    return network.requires_grad_(False).eval()


@functools.cache
def _load(weights: Path, mode: Mode, device: str) -> Any:
    with must_fit(weights, "FID's Inception"):
        if mode == "clean":
            check_torchscript(weights)
            check_execution(weights, (1, 3, 299, 299), "layers")
            with refusing(weights), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch deprecates the format of this archive
                # clean-fid appends the file's name itself.
                return InceptionV3W(str(weights.parent), download=False).eval().to(device)
        return placed(build_fid_inception(read_checkpoint(weights)), device)
