"""The regions of a target frame as masks, from the boxes of its hands and objects."""

import json
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.errors import SampleError

Region = Literal["hands", "object", "background"]
REGIONS: tuple[Region, ...] = get_args(Region)
# A tool counts as an object: detections do not tell what a hand holds from what it acts on.
KINDS = {"hands": ("left_hand", "right_hand"), "object": ("object", "tool")}
SMALLEST = 64  # pixels of the stored frame; fewer say nothing about an image
NO_BOX, SMALL_REGION = "no_box", "small_region"

Mask = NDArray[np.bool_]


def region_masks(boxes: str, size: tuple[int, int]) -> Mapping[Region, Mask | SampleError]:
    """The (height, width) mask of each region in a frame of `size` = (width, height).

    `boxes` is JSON with the boxes of the frame under "target". A pixel belongs to a box that
    contains its centre. The hands are the union of the boxes of hands, the object that of objects
    and tools, the background all pixels outside of these. A region is a `SampleError` if it has no
    box (for the background: if the frame has none at all) or fewer than 64 pixels.
    """
    found = json.loads(boxes)["target"]
    parts = {
        region: [box for box in found if box["kind"] in kinds] for region, kinds in KINDS.items()
    }
    drawn = {region: _union(own, size) for region, own in parts.items()}
    masks = drawn | {"background": ~(drawn["hands"] | drawn["object"])}
    known = parts | {"background": [*parts["hands"], *parts["object"]]}
    return {region: _checked(masks[region], len(known[region]), region) for region in REGIONS}


def _union(boxes: list[dict[str, float]], size: tuple[int, int]) -> Mask:
    width, height = size
    across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
    mask = np.zeros((height, width), bool)
    for box in boxes:
        columns = (across >= box["x"]) & (across < box["x"] + box["width"])
        rows = (down >= box["y"]) & (down < box["y"] + box["height"])
        mask |= rows[:, None] & columns
    return mask


def _checked(mask: Mask, boxes: int, region: Region) -> Mask | SampleError:
    if not boxes:
        what = "hands or objects" if region == "background" else region
        return SampleError(NO_BOX, f"the target has no box of {what}")
    pixels = int(mask.sum())
    if pixels < SMALLEST:
        return SampleError(SMALL_REGION, f"{region}: {pixels} of at least {SMALLEST} pixels")
    return mask
