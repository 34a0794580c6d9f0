"""SSIM compared with scikit-image's, with the window and constants of Wang et al. (2004)."""

from itertools import combinations

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from egoactgen_bench.metrics.ssim import ssim
from egoactgen_bench.support.images import read_rgb

FRAMES = ("frame_000_456x256.png", "frame_015_456x256.png", "frame_030_456x256.png")


def scikit_image(output: Image.Image, target: Image.Image) -> float:
    """The mean over positions where the window is inside; scikit-image crops the same border."""
    value = structural_similarity(
        *(np.asarray(image) for image in (output, target)),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
        data_range=255,
    )
    return float(value)


def drawn(kind: str, size: tuple[int, int], seed: int) -> Image.Image:
    """An RGB image of `size` = (width, height): noise, a ramp, or two flat colours."""
    generator = np.random.default_rng(seed)
    width, height = size
    pixels = generator.integers(0, 256, (height, width, 3))
    if kind == "ramp":
        pixels = np.linspace([0, 40, 80], [255, 200, 120], width)[None] + pixels / 16
    if kind == "edge":
        pixels = np.full((height, width, 3), generator.integers(0, 256, 3))
        pixels[:, width // 2 :] = 255 - pixels[:, width // 2 :]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(11, 11), (40, 23), (64, 64)])
@pytest.mark.parametrize("kind", ["grain", "ramp", "edge"])
def test_synthetic_images(kind, size):
    output, target = drawn(kind, size, 0), drawn(kind, size, 1)
    assert ssim(output, target) == pytest.approx(scikit_image(output, target), abs=1e-12)
    other = drawn("grain", size, 2)
    assert ssim(other, target) == pytest.approx(scikit_image(other, target), abs=1e-12)


def test_real_frames(shared):
    frames = [read_rgb(shared / "golden" / "frames" / name) for name in FRAMES]
    values = [ssim(*pair) for pair in combinations(frames, 2)]
    expected = [scikit_image(*pair) for pair in combinations(frames, 2)]
    assert values == pytest.approx(expected, abs=1e-12)
    assert len({round(value, 3) for value in values}) == 3  # the frames differ
    assert ssim(frames[0], frames[0]) == scikit_image(frames[0], frames[0]) == 1
