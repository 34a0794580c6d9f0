"""Frames as tensors, with the resizes of tensors that the metrics are defined with."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import functional as transforms
from torchvision.transforms.functional import InterpolationMode

Network = TypeVar("Network", bound=nn.Module)
Extract = TypeVar("Extract", bound=Callable[..., NDArray[np.float32]])

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@contextmanager
def evaluating() -> Iterator[None]:
    """No gradients; on a GPU, convolutions in full float32, where PyTorch would round to TF32."""
    # TF32 keeps 10 bits of a number, too few for features that agree with a CPU's to 1e-5.
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def one_by_one_on_cpu(extract: Extract) -> Extract:
    """A decorator of `Extractor.extract`: on a CPU, embed each item on its own.

    Libraries choose other kernels for other batches, whose last bits differ. Items on their own do
    not depend on their batch at all, and on a CPU take no longer (measured for frames; texts, which
    are few, a third longer).
    """

    @functools.wraps(extract)
    def separately(self: Any, items: Sequence[Any]) -> NDArray[np.float32]:
        if self.device != "cpu" or len(items) < 2:
            whole: NDArray[np.float32] = extract(self, items)
            return whole
        return np.concatenate([extract(self, [item]) for item in items])

    return separately  # type: ignore[return-value]


def placed(network: Network, device: str) -> Network:
    """A convolutional network on `device`, with channels last on a CPU, a third faster there."""
    layout = torch.channels_last if device == "cpu" else torch.preserve_format
    moved: Network = network.to(device, memory_format=layout)  # type: ignore[call-overload]
    return moved


def unit_tensor(frame: Image.Image) -> Tensor:
    """8-bit RGB frame → (3, height, width) float32 in [0, 1]."""
    tensor: Tensor = transforms.to_tensor(frame)
    return tensor


def resize_bilinear(tensor: Tensor, height: int, width: int, antialias: bool = False) -> Tensor:
    """(…, 3, h, w) → (…, 3, height, width), by torchvision's bilinear resize of floats.

    No antialias was the default for tensors up to torchvision 0.16.
    """
    if tensor.shape[-2:] == (height, width):
        return tensor
    resized: Tensor = transforms.resize(
        tensor, [height, width], InterpolationMode.BILINEAR, antialias=antialias
    )
    return resized


def centre_square(tensor: Tensor, size: int, antialias: bool) -> Tensor:
    """(3, h, w) → (3, size, size): a bilinear resize of the shorter side, then a centre crop."""
    resized = transforms.resize(tensor, [size], InterpolationMode.BILINEAR, antialias=antialias)
    cropped: Tensor = transforms.center_crop(resized, [size, size])
    return cropped


def normalise(tensor: Tensor, mean: Sequence[float], deviation: Sequence[float]) -> Tensor:
    """(…, 3, h, w) in [0, 1] → (tensor − mean) / deviation, channel by channel."""
    columns = (torch.tensor(values)[:, None, None] for values in (mean, deviation))
    return (tensor - next(columns)) / next(columns)
