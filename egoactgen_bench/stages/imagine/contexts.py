"""The frame before imagined actions: an image file, or the input frame of a sample."""

import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.endpoints.uploads import licence_of, licence_of_image
from egoactgen_bench.errors import BenchError, SampleError, did_you_mean
from egoactgen_bench.support.images import decode, frame_size, read_image_file, read_rgb, resize


@dataclass(frozen=True)
class Context:
    """The frame before the actions, RGB, uint8; `action` is the label of a sample."""

    name: str  # a safe file name: the sample's id, or one made from the image's file name
    frame: Image.Image
    split: str | None = None
    dataset: str | None = None  # of the split
    action: str | None = None
    description: str | None = None
    licence: str | None = None  # of the frame and its label


def context_of_image(path: Path) -> Context:
    """An image file, rotated upright and resized to a split's height of 256 pixels.

    Raises `BenchError` if the file is not a readable PNG, JPEG or WebP image.
    """
    try:
        image = decode(read_image_file(path), path.name).convert("RGB")
    except SampleError as error:
        raise BenchError(f"{path} is not a readable image ({error.detail}).") from None
    frame = resize(image, frame_size(*image.size))
    return Context(slug(path.stem, "picture"), frame, licence=licence_of_image(path))


def context_of_sample(split: Split, sample_id: str, descriptions: str | None = None) -> Context:
    """The input frame of a sample; `descriptions` is the name of a set of the split's.

    Raises `BenchError` if the split has no such sample, or its frame cannot be read.
    """
    split.require_frames()
    found = split.samples[split.samples["sample_id"] == sample_id]
    if found.empty:
        raise BenchError(
            f"'{sample_id}' is neither an image file nor a sample of split '{split.name}'."
            + did_you_mean(sample_id, split.samples["sample_id"][:1000])
        )
    sample = found.iloc[0]
    texts = load_descriptions(split.folder, descriptions).texts if descriptions else {}
    try:
        frame = read_rgb(split.frame_path(sample["input_frame"]))
    except SampleError as error:
        raise BenchError(f"The input frame of {sample_id} cannot be read ({error}).") from None
    return Context(
        sample_id,
        frame,
        split.name,
        split.manifest.dataset,
        sample["action"],
        texts.get(sample_id),
        licence_of(split.manifest),
    )


def slug(text: str, default: str) -> str:
    """A short safe file name made from any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or default
