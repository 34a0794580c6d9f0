"""Finds runs whose images are copies of the split's frames: references, whatever made them."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

from egoactgen_bench.artifacts.manifests import CopiedRole
from egoactgen_bench.errors import SampleError
from egoactgen_bench.measurement.sources import Candidate, ImageFile, Sample, Source
from egoactgen_bench.support.images import resize
from egoactgen_bench.support.row_store import ABSENT, RowStore, short_keys
from egoactgen_bench.support.threads import map_in_threads

# The key under which verdicts are kept; to be changed with the code that reaches them.
KEPT_AS = "copies of frames|r:1"
COPY, OTHER, UNREADABLE = 1.0, 0.0, -1.0
ALONE = 4  # images compared one by one before others are read ahead: most runs differ in the first

Pair = tuple[ImageFile, ImageFile]  # an image and a frame


class Verdict(NamedTuple):
    """Whether an image is a copy, and the key of its content and the frame's; empty if known."""

    value: float
    key: bytes = b""


def copied_role(
    samples: Sequence[Sample], candidate: Candidate, store: RowStore | None = None
) -> CopiedRole:
    """The frames that all images of a run are copies of, or "" if there are none.

    A copy has the recorded hash of the frame or its pixels, if need be after the frame is resized
    to the image's size. Images that cannot be read are left out. `store` keeps the verdicts on
    pixels by content, so that nothing is decoded twice.
    """
    store = store or RowStore(None)
    roles: tuple[CopiedRole, ...] = ("input", "target")
    return next((role for role in roles if _all_copies(samples, candidate, role, store)), "")


def _all_copies(
    samples: Sequence[Sample], candidate: Candidate, role: CopiedRole, store: RowStore
) -> bool:
    pairs = (
        (image, getattr(samples[position], role))
        for position in range(len(samples))
        if isinstance(image := candidate.output(position), ImageFile)
    )
    found: list[Verdict] = []
    try:
        for verdict in _verdicts(pairs, store):
            found.append(verdict)
            if verdict.value == OTHER:
                return False
        return any(verdict.value == COPY for verdict in found)
    finally:
        if new := {verdict.key: verdict.value for verdict in found if verdict.key}:
            store.add([*new], np.array([*new.values()])[:, None])


def _verdicts(pairs: Iterator[Pair], store: RowStore) -> Iterator[Verdict]:
    def verdict(pair: Pair) -> Verdict:
        return _verdict(pair, store)

    yield from map(verdict, islice(pairs, ALONE))
    yield from map_in_threads(verdict, pairs)


def _verdict(pair: Pair, store: RowStore) -> Verdict:
    if pair[0].sha256 == pair[1].sha256:
        return Verdict(COPY)
    try:
        image = Source(pair[0])
    except SampleError:
        return Verdict(UNREADABLE)
    try:
        frame = Source(pair[1])
    except SampleError:
        return Verdict(OTHER)
    key = hashlib.sha256(image.digest + frame.digest).digest()
    place = store.find(short_keys(key))
    if place[0] != ABSENT:
        return Verdict(float(store.read(place)[0, 0]))
    return Verdict(_compared(image, frame), key)


def _compared(image: Source, frame: Source) -> float:
    try:
        pixels = image.image()
    except SampleError:
        return UNREADABLE
    try:
        other: Image.Image = resize(frame.image(), pixels.size)
    except SampleError:
        return OTHER
    return COPY if np.array_equal(np.asarray(pixels), np.asarray(other)) else OTHER
