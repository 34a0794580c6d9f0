"""The toy kitchen as a data set: filmed on demand and read in Ego4D's format."""

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
    annotate,
    film,
    render_stills,
    still_path,
    videos_of,
)
from egoactgen_bench.toy.world.motion import FPS
from egoactgen_bench.toy.world.variants import SIZE, Cue, Variant, View

DEFAULT_CLIPS = {"train": 4096, "val": 32, "test": 32}


class ToyKitchenOptions(Options):
    """Options of the toy kitchen."""

    cue: Cue = Field(
        default="weak",
        description="how much of the action the input frame shows; with relation nothing moves, and "
        "the scene determines which item, place and hand",
    )
    view: View = Field(
        default="first", description="the person's own view, or that of a camera behind the person"
    )
    size: int = Field(
        default=SIZE, ge=64, le=1024, multiple_of=2, description="of the frames, in pixels per side"
    )


class ToyKitchen(Dataset):
    """A drawn first-person kitchen; it needs no licence, no download and no GPU.

    For the training subset only the two frames of each sample are rendered, no videos.
    """

    name = "toy-kitchen"
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
        return f"{name}{self._variant.suffix}"

    @property
    def _variant(self) -> Variant:
        return Variant(self.options.cue, self.options.view, self.options.size)

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
        """Render `limit` clips (default: 4,096 for training, else 32); existing files are kept."""
        videos = videos_of(limit or DEFAULT_CLIPS[self.subset])
        if with_videos:
            if self.subset == "train":
                render_stills(folder, self.subset, videos, workers, self._variant, progress)
            else:
                film(folder, self.subset, videos, workers, self._variant, progress)
        annotate(folder, self.subset, videos, self._variant)
        self._folder = folder
        self._truth = read_json(folder / "truth.json")
        self._reader = Ego4D(folder / "annotations", folder, self.subset)

    @property
    def reader(self) -> Ego4D:
        """The Ego4D reader of the rendered data set."""
        if self._reader is None:
            raise BenchError("Call `materialise` of the toy kitchen before reading its clips.")
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
        """The reader's recipe; options are included if they differ from the defaults."""
        recipe = {**self.reader.recipe(), "world_edition": EDITION}
        recipe["world_size"] = self.options.size
        changed = self.options.model_dump(exclude_defaults=True, exclude={"size"})
        return recipe if self._standard else recipe | {"cue": self.options.cue} | changed

    def notices(self) -> list[str]:
        return self.reader.notices()

    def truth(self) -> dict[str, dict[str, Any]]:
        """By sample id: `action`, `hand`, and `x`, `y` as fractions of the frame's sides."""
        facts = map(dict, self._truth)
        return {fact.pop("sample_id"): fact for fact in facts}

    def boxes_path(self) -> Path | None:
        return self.reader.boxes_path()

    def video_durations(self) -> dict[str, float]:
        return self.reader.video_durations()

    def _renamed(self, clip: ActionClip) -> ActionClip:
        return replace(clip, dataset=self.name)
