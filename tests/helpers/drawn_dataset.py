"""A data set of synthetic images, as found on disk."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection

CLIPS = int(os.environ.get("DRAWN_CLIPS", "7"))
VIDEOS = 3


class Drawn(Dataset):
    """Numbered images, two per clip, in folders or in tar archives named like the video."""

    name = "drawn"

    def clips(self) -> Iterator[ActionClip | Rejection]:
        for number in range(CLIPS):
            if number == 2:
                yield Rejection("row 2", "input_before_start", "t_input = -0.1 s")
                continue
            yield ActionClip(
                row=f"row {number}",
                sample_id=f"s{number}",
                dataset="drawn",
                video_id=f"V{number % VIDEOS}",
                action=f"cut, onion {number}",
                verb="cut",
                noun="onion",
                t_start=float(number),
                t_end=number + 1.0,
                t_input=number - 0.25,
                t_target=number + 0.6,
            )

    def locate(self, clip: ActionClip) -> tuple[FrameSource, FrameSource]:
        assert self.videos is not None
        names = [f"{clip.sample_id}_{role}.png" for role in ("input", "target")]
        archive = self.videos / f"{clip.video_id}.tar"
        if archive.exists():
            return FrameSource(archive, member=names[0]), FrameSource(archive, member=names[1])
        folder = self.videos / clip.video_id
        if not folder.is_dir():
            raise self.missing_video(clip.video_id)
        return FrameSource(folder / names[0]), FrameSource(folder / names[1])

    def recipe(self) -> dict[str, object]:
        return {"drawing": 1}

    def descriptions(self) -> dict[str, dict[str, str]]:
        return {"given": {"s0": "The left hand cuts an onion.", "s99": "of no clip"}}

    def video_durations(self) -> dict[str, float]:
        return {"V0": 3600.0, "V1": 1800.0}


def draw_videos(folder: Path, clips: int, scale: int = 1) -> Path:
    for number in range(clips):
        for role, level in (("input", 40), ("target", 200)):
            path = folder / f"V{number % VIDEOS}" / f"s{number}_{role}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn_picture(number, level)).resize((160 * scale, 90 * scale)).save(
                path
            )
    return folder


def drawn_picture(number: int, level: int) -> np.ndarray:
    pixels = np.full((90, 160, 3), level, np.uint8)
    pixels[:, : 20 * (number + 1)] = (255, 0, number)
    return pixels


def folder_contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
