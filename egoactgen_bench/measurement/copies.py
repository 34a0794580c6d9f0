"""Finds runs whose images are copies of the split's frames: references, whatever made them."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from egoactgen_bench.artifacts.manifests import CopiedRole
from egoactgen_bench.errors import SampleError
from egoactgen_bench.measurement.sources import Candidate, ImageFile, Sample
from egoactgen_bench.support.images import read_rgb, resize
from egoactgen_bench.support.threads import map_in_threads

ALONE = 4  # images compared one by one before others are read ahead: most runs differ in the first

Pair = tuple[ImageFile, ImageFile]  # an image and a frame


def copied_role(samples: Sequence[Sample], candidate: Candidate) -> CopiedRole:
    """The frames that all images of a run are copies of, or "" if there are none.

    A copy has the recorded hash of the frame or its pixels, if need be after the frame is resized
    to the image's size. Images that cannot be read are left out.
    """
    roles: tuple[CopiedRole, ...] = ("input", "target")
    return next((role for role in roles if _all_copies(samples, candidate, role)), "")


def _all_copies(samples: Sequence[Sample], candidate: Candidate, role: CopiedRole) -> bool:
    pairs = (
        (image, getattr(samples[position], role))
        for position in range(len(samples))
        if isinstance(image := candidate.output(position), ImageFile)
    )
    found = [verdict for verdict in _verdicts(pairs) if verdict is not None]
    return bool(found) and all(found)


def _verdicts(pairs: Iterator[Pair]) -> Iterator[bool | None]:
    """Whether each image is a copy, until the first that is not; None if it cannot be read."""
    for found in (map(_is_copy, islice(pairs, ALONE)), map_in_threads(_is_copy, pairs)):
        for verdict in found:
            yield verdict
            if verdict is False:
                return


def _is_copy(pair: Pair) -> bool | None:
    if pair[0].sha256 == pair[1].sha256:
        return True
    try:
        image = read_rgb(pair[0].path)
    except SampleError:
        return None
    try:
        frame = resize(read_rgb(pair[1].path), image.size)
    except SampleError:
        return False
    return bool(np.array_equal(np.asarray(image), np.asarray(frame)))
