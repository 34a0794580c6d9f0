"""Triplets of frames of which one is known to be nearer, as DreamSim is trained on.

The world says which one: it knows how strongly a frame was distorted, and what two frames share.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from egoactgen_bench.toy.networks.drawn_clips import Drawn

FRAMES = 2  # of a clip: before and after the action
SAME_MOMENT, SAME_CLIP, SAME_KITCHEN, NOTHING = range(4)  # what two frames share, nearest first


@dataclass(frozen=True)
class Triplets:
    """Three batches (n, 3, 64, 64) in [0, 1]: `near` is nearer to `reference` than `far` is."""

    reference: Tensor
    near: Tensor
    far: Tensor


class TripletSampler:
    """Random triplets of the frames of clips, from PyTorch's global generator."""

    def __init__(self, drawn: Drawn) -> None:
        self._frames = drawn.frames
        kitchens = [clip.scene.kitchen for clip in drawn.clips]
        numbers = {kitchen: number for number, kitchen in enumerate(dict.fromkeys(kitchens))}
        self._kitchens = np.array([numbers[kitchen] for kitchen in kitchens])

    def distortions(self, size: int) -> Triplets:
        """A frame, and two distortions of it of one kind, the nearer one weaker."""
        frames = self._of(self._random_clips(size), _moments(size))
        kinds, weaker = torch.randint(len(DISTORTIONS), (size,)), 0.05 + 0.5 * torch.rand(size)
        stronger = weaker + 0.15 + 0.3 * torch.rand(size)
        return Triplets(
            frames, distorted(frames, kinds, weaker), distorted(frames, kinds, stronger)
        )

    def states(self, size: int) -> Triplets:
        """A frame, and two that share more and less with it; both slightly distorted."""
        clips, moments = self._random_clips(size), _moments(size)
        near = torch.randint(NOTHING, (size,))
        far = near + 1 + (torch.rand(size) * (NOTHING - near)).long()
        return Triplets(
            self._of(clips, moments),
            *(self._sharing(shared, clips, moments) for shared in (near, far)),
        )

    def _sharing(self, shared: Tensor, clips: NDArray[np.int64], moments: Tensor) -> Tensor:
        """Frames that share `shared` (n,) with those of `clips` at `moments`."""
        pairs = zip(shared.tolist(), clips.tolist(), strict=True)
        others = np.array([self.other_clip(level, clip) for level, clip in pairs])
        elsewhere = torch.where(shared == SAME_CLIP, 1 - moments, _moments(len(clips)))
        frames = self._of(others, torch.where(shared == SAME_MOMENT, moments, elsewhere))
        kinds = torch.randint(len(DISTORTIONS), (len(clips),))
        return distorted(frames, kinds, 0.3 * torch.rand(len(clips)))

    def other_clip(self, shared: int, clip: int) -> int:
        """A random clip that shares `shared` with `clip`; for a moment or clip, itself."""
        if shared in (SAME_MOMENT, SAME_CLIP):
            return clip
        here = self._kitchens == self._kitchens[clip]
        choices = np.flatnonzero(here if shared == SAME_KITCHEN else ~here)
        choices = choices[choices != clip]
        return int(choices[int(torch.randint(len(choices), ()))])

    def _random_clips(self, size: int) -> NDArray[np.int64]:
        chosen: NDArray[np.int64] = torch.randint(len(self._frames), (size,)).numpy()
        return chosen

    def _of(self, clips: NDArray[np.int64], moments: Tensor) -> Tensor:
        frames = torch.from_numpy(self._frames[clips, moments.numpy()])
        return frames.permute(0, 3, 1, 2) / 255


def _moments(size: int) -> Tensor:
    return torch.randint(FRAMES, (size,))


def distorted(frames: Tensor, kinds: Tensor, strengths: Tensor) -> Tensor:
    """Frames (n, 3, h, w) in [0, 1], each with one kind (n,) of distortion, of a strength (n,).

    The strength 0 changes nothing; 1 is strong.
    """
    found = frames
    for number, distort in enumerate(DISTORTIONS):
        changed = distort(frames, strengths[:, None, None, None])
        found = torch.where((kinds == number)[:, None, None, None], changed, found)
    return found.clamp(0, 1)


def _blur(frames: Tensor, strength: Tensor) -> Tensor:
    small = F.interpolate(frames, scale_factor=0.25, mode="bilinear", antialias=True)
    soft = F.interpolate(small, frames.shape[-2:], mode="bicubic")
    return torch.lerp(frames, soft, strength)


def _noise(frames: Tensor, strength: Tensor) -> Tensor:
    return frames + 0.15 * strength * torch.randn_like(frames)


def _spots(frames: Tensor, strength: Tensor) -> Tensor:
    drawn = torch.randn(len(frames), 3, 8, 8)
    return frames + 0.2 * strength * F.interpolate(drawn, frames.shape[-2:], mode="bilinear")


def _tint(frames: Tensor, strength: Tensor) -> Tensor:
    signs = torch.randint(2, (len(frames), 3, 1, 1)) * 2 - 1
    return frames * (1 + 0.4 * strength * signs)


def _shift(frames: Tensor, strength: Tensor) -> Tensor:
    """Moved by up to a quarter of the sides, with the border repeated."""
    angle = 2 * torch.pi * torch.rand(len(frames))
    moved = torch.eye(2, 3).repeat(len(frames), 1, 1)
    moved[:, :, 2] = 0.5 * strength.view(-1, 1) * torch.stack([angle.cos(), angle.sin()], dim=1)
    grid = F.affine_grid(moved, list(frames.shape), align_corners=False)
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


DISTORTIONS = (_blur, _noise, _spots, _tint, _shift)
