"""Requests for the tests of recipes."""

import numpy as np
from PIL import Image

from egoactgen_bench.api.records import Request

FRAME = (456, 256)  # as frames of a 16:9 video are stored


def frame(number=0):
    """A wide frame with little detail: a seeded 9 × 5 pattern, enlarged."""
    drawn = np.random.default_rng(number).integers(0, 256, (5, 9, 3), dtype=np.uint8)
    return Image.fromarray(drawn).resize(FRAME, Image.Resampling.BICUBIC)


def sample(number=0, seed=None, action="open drawer", **changed):
    """A request; `number` determines its frame, and its seed unless given."""
    seed = number if seed is None else seed
    return Request(f"s_{number}", frame(number), action, "a hand opens it", seed, **changed)


def repeated():
    """Three requests: one, the same with another seed, and the first again."""
    return sample(0), sample(0, seed=1), sample(0)


def check_repeated(outputs, within=0):
    """Assert that the images of `repeated()` depend on their seeds only.

    The images of a batch may differ in rounding: `within` 1.
    """
    assert [image.size for image in outputs] == [FRAME] * 3
    one, other, again = (np.asarray(image).astype(int) for image in outputs)
    assert np.abs(one - again).max() <= within
    assert np.abs(one - other).max() > 1
