"""Frames as tensors: ranges in the names, and the tensor resizes that metrics are defined by."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import functional as transforms
from torchvision.transforms.functional import InterpolationMode

Network = TypeVar("Network", bound=nn.Module)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@contextmanager
def evaluating() -> Iterator[None]:
    """No gradients; on a GPU, convolutions in full float32, where PyTorch would round to TF32."""
    # TF32 keeps 10 bits of a number, too few for features that agree with a CPU's to 1e-5.
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def placed(network: Network, device: str) -> Network:
    """A convolutional network on `device`; a CPU is a third faster with channels last."""
    layout = torch.channels_last if device == "cpu" else torch.preserve_format
    return network.to(device, memory_format=layout)  # type: ignore[call-overload]


def unit_tensor(frame: Image.Image) -> Tensor:
    """8-bit RGB frame → (3, height, width) float32 in [0, 1]."""
    return transforms.to_tensor(frame)


def resize_bilinear(tensor: Tensor, height: int, width: int, antialias: bool = False) -> Tensor:
    """(…, 3, h, w) → (…, 3, height, width), torchvision's bilinear resize of floats.

    Without antialias it is what a tensor resize did up to torchvision 0.16.
    """
    if tensor.shape[-2:] == (height, width):
        return tensor
    return transforms.resize(
        tensor, [height, width], InterpolationMode.BILINEAR, antialias=antialias
    )


def centre_square(tensor: Tensor, size: int, antialias: bool) -> Tensor:
    """(3, h, w) → (3, size, size): the shorter side scaled to `size`, bilinear, then the middle."""
    resized = transforms.resize(tensor, [size], InterpolationMode.BILINEAR, antialias=antialias)
    return transforms.center_crop(resized, [size, size])


def normalise(tensor: Tensor, mean: Sequence[float], deviation: Sequence[float]) -> Tensor:
    """(…, 3, h, w) in [0, 1] → (tensor − mean) / deviation, channel by channel."""
    columns = (torch.tensor(values)[:, None, None] for values in (mean, deviation))
    return (tensor - next(columns)) / next(columns)
