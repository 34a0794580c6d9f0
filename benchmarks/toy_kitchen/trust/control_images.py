"""Images whose correctness is known by construction, one of each kind for every sample."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.support.images import read_rgb, write_png
from egoactgen_bench.support.seeds import derive_seed
from egoactgen_bench.toy.world.actions import possible
from egoactgen_bench.toy.world.filming import CLIPS_PER_VIDEO, video_clips, video_uid
from egoactgen_bench.toy.world.motion import LENGTH, PNR, Clip
from egoactgen_bench.toy.world.rendering import render

CONTROLS = ("target", "shifted", "other-action", "copy", "noise")
RIGHT = {"target": 1.0, "shifted": 1.0, "other-action": 0.0, "copy": 0.0, "noise": 0.0}
SHIFT = 4  # pixels to the right


def filmed_clips(sample_ids: set[str]) -> dict[str, Clip]:
    """The clips of the toy kitchen's test subset by sample id, up to the last of `sample_ids`."""
    clips: dict[str, Clip] = {}
    number = 0
    while not clips.keys() >= sample_ids:
        if number * CLIPS_PER_VIDEO > 100 * len(sample_ids):
            raise SystemExit("The split contains samples that are not of the toy kitchen's videos.")
        uid = video_uid("val", number)
        clips |= {
            f"{uid}_{index * LENGTH + PNR}": clip
            for index, clip in enumerate(video_clips("val", number))
        }
        number += 1
    return clips


def other_action(clip: Clip, sample_id: str) -> Clip:
    """The clip with another action that its scene allows, drawn at random from the sample's id."""
    draw = Random(f"other action {sample_id}")
    plans = possible(clip.scene, draw)
    action = draw.choice(sorted(plans.keys() - {clip.action}))
    return replace(clip, action=action, plan=draw.choice(plans[action]))


def shifted(image: Image.Image, pixels: int = SHIFT) -> Image.Image:
    """The image moved to the right; its first column fills the gap."""
    values = np.asarray(image)
    columns = np.maximum(np.arange(values.shape[1]) - pixels, 0)
    return Image.fromarray(values[:, columns])


def noise(size: tuple[int, int], sample_id: str) -> Image.Image:
    """Independent uniform values, 0 to 255, for every pixel and channel."""
    generator = np.random.default_rng(derive_seed(0, sample_id))
    return Image.fromarray(generator.integers(0, 256, (size[1], size[0], 3), np.uint8))


def write_controls(split: Split, folder: Path) -> Iterator[str]:
    """Write `folder`/CONTROL/SAMPLE.png; files that exist are kept. Yields each sample's id."""
    clips = filmed_clips(set(split.samples["sample_id"]))
    for row in split.samples.to_dict("records"):
        name = row["sample_id"]
        paths = {control: folder / control / f"{name}.png" for control in CONTROLS}
        if not all(path.is_file() for path in paths.values()):
            frames = {
                role: read_rgb(split.frame_path(row[f"{role}_frame"]))
                for role in ("input", "target")
            }
            made = _controls(clips[name], name, frames)
            for control, path in paths.items():
                write_png(path, made[control])
        yield name


def _controls(
    clip: Clip, sample_id: str, frames: Mapping[str, Image.Image]
) -> dict[str, Image.Image]:
    target = frames["target"]
    other = other_action(clip, sample_id)
    return {
        "target": target,
        "shifted": shifted(target),
        # The camera of the true action, so that nothing but the action differs from the target.
        "other-action": render(other.moment(PNR), clip.camera(PNR), target.width),
        "copy": frames["input"],
        "noise": noise(target.size, sample_id),
    }
