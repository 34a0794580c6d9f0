"""The toy kitchen as a data set: its world is filmed on demand and read as Ego4D is read."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.manifests import Subset
from egoactgen_bench.datasets.ego4d import Ego4D
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.toy.world.filming import (
    EDITION,
    SIZE,
    annotate,
    film,
    photograph_all,
    still_path,
    videos_of,
)
from egoactgen_bench.toy.world.motion import FPS, Cue

DEFAULT_CLIPS = {"train": 4096, "val": 32, "test": 32}


class ToyKitchenOptions(Options):
    """What may be chosen of the world."""

    cue: Cue = Field(default="weak", description="what the input frame shows of the hand's way")


class ToyKitchen(Dataset):
    """A drawn first-person kitchen: needs no licence, no download and no GPU.

    Of its training subset only the frames that a split takes are drawn; the others are filmed.
    """

    name = "toy-kitchen"
    egovlp = "4-frame"
    draws = toy = True
    packages = ("resvg_py",)
    Options = ToyKitchenOptions
    options: ToyKitchenOptions

    def __init__(self, annotations: Path | None, videos: Path | None, subset: Subset) -> None:
        if annotations is not None or videos is not None:
            raise BenchError("toy-kitchen draws its own world: give no --annotations or --videos.")
        super().__init__(annotations, videos, subset)
        self._reader: Ego4D | None = None
        self._folder = Path()
        self._truth: list[dict[str, Any]] = []

    @property
    def split_name(self) -> str:
        name = self.name if self.subset == "val" else f"{self.name}-train"
        return name if self._standard else f"{name}-cue-{self.options.cue}"

    @property
    def _standard(self) -> bool:
        return self.options == self.Options()

    def materialise(
        self,
        folder: Path,
        limit: int | None,
        workers: int,
        *,
        with_videos: bool,
        progress: bool = False,
    ) -> None:
        """Draw as many clips as are wanted, by default 32, or 4,096 to train on.

        What is in `folder` stays.
        """
        videos = videos_of(limit or DEFAULT_CLIPS[self.subset])
        if with_videos:
            if self.subset == "train":
                photograph_all(folder, self.subset, videos, workers, self.options.cue, progress)
            else:
                film(folder, self.subset, videos, workers, progress)
        annotate(folder, self.subset, videos, self.options.cue)
        self._folder = folder
        self._truth = read_json(folder / "truth.json")
        self._reader = Ego4D(folder / "annotations", folder, self.subset)

    @property
    def reader(self) -> Ego4D:
        """The Ego4D reader over the world that was made."""
        if self._reader is None:
            raise BenchError("The toy kitchen's world is made by `materialise`, before its clips.")
        return self._reader

    def clips(self) -> Iterator[ActionClip | Rejection]:
        for clip in self.reader.clips():
            yield self._renamed(clip) if isinstance(clip, ActionClip) else clip

    def locate(self, clip: ActionClip) -> tuple[FrameSource, FrameSource]:
        if self.subset != "train":
            return self.reader.locate(clip)
        frames = (round(time * FPS) for time in (clip.t_input, clip.t_target))
        first, last = (still_path(self._folder, clip.video_id, frame) for frame in frames)
        return FrameSource(first), FrameSource(last)

    def recipe(self) -> dict[str, Any]:
        """The options stand in it where they are not the standard world's."""
        recipe = {**self.reader.recipe(), "world_edition": EDITION, "world_size": SIZE}
        return recipe if self._standard else recipe | self.options.model_dump()

    def notices(self) -> list[str]:
        return self.reader.notices()

    def truth(self) -> dict[str, dict[str, Any]]:
        """By sample: `action`, `hand`, and `x`, `y` in shares of the kitchen's sides."""
        facts = map(dict, self._truth)
        return {fact.pop("sample_id"): fact for fact in facts}

    def video_durations(self) -> dict[str, float]:
        return self.reader.video_durations()

    def _renamed(self, clip: ActionClip) -> ActionClip:
        return replace(clip, dataset=self.name)
