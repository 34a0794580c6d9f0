"""The interface of a data set: annotations in, action clips and rejections out."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, ClassVar

from egoactgen_bench.api.options import Options
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.manifests import MetricDefaults, Subset
from egoactgen_bench.errors import BenchError, SampleError


class Dataset(ABC):
    """Base class of data sets; a subclass's first docstring line stands in `bench datasets`.

    A reader streams: it never decodes a picture, and needs no videos to list the clips. `options`
    are the defaults until `open_dataset` has set what was given.
    """

    Options: type[Options] = Options

    name: ClassVar[str]
    keeps_frames: ClassVar[bool] = False  # stored frames are used as they are, without scaling
    draws: ClassVar[bool] = False  # the data set makes its own annotations and videos
    packages: ClassVar[tuple[str, ...]] = ()  # that shape its frames: split.json has their versions
    toy: ClassVar[bool] = False  # scored with the toy weights that come with the package

    def __init_subclass__(cls) -> None:
        # Version 0.1.0 had this attribute; to ignore it would silently select another checkpoint.
        if "egovlp" in vars(cls):
            raise TypeError(
                f"{cls.__name__}.egovlp: declare "
                'metric_defaults = {"egovlp": {"clip_length": "16-frame"}} instead'
            )

    def __init__(self, annotations: Path | None, videos: Path | None, subset: Subset) -> None:
        self.annotations = annotations
        self.videos = videos
        self.subset = subset
        self.options = self.Options()

    @property
    def metric_defaults(self) -> MetricDefaults:
        """Defaults of metrics' options for this data set: metric → option → value.

        `{"egovlp": {"clip_length": "16-frame"}}` selects the checkpoint that the published tables
        of EPIC-KITCHENS use; metrics that share EgoVLP's defaults follow. Recorded in split.json.
        """
        return {}

    @property
    def split_name(self) -> str:
        return f"{self.name}-{self.subset}"

    def materialise(  # noqa: B027
        self,
        folder: Path,
        limit: int | None,
        workers: int,
        *,
        with_videos: bool,
        progress: bool = False,
    ) -> None:
        """Make annotations and videos in `folder`, before `clips`, where the data set `draws` them.

        What an earlier call left in `folder` is used again. `progress` shows a bar on a terminal.
        """

    def annotation_path(self) -> Path:
        """The file or folder that the user named; `BenchError` where there is none."""
        if self.annotations is None:
            raise BenchError(f"{self.name} needs --annotations PATH.")
        if not self.annotations.exists():
            raise BenchError(f"{self.annotations} does not exist; --annotations names nothing.")
        return self.annotations

    @abstractmethod
    def clips(self) -> Iterator[ActionClip | Rejection]:
        """Every annotated action of the subset in the annotation's order, or why it gives none.

        Sample ids are safe and unique. Raises `BenchError` where the file as a whole is unreadable.
        """

    @abstractmethod
    def locate(self, clip: ActionClip) -> tuple[FrameSource, FrameSource]:
        """Where the input and the target frame of a clip lie under `videos`.

        Raises `SampleError` (`missing_video`, …) where they are not to be had.
        """

    def recipe(self) -> dict[str, Any]:
        """Every choice of this reader that shapes the split, for split.json; no machine's paths."""
        return {}

    def notices(self) -> list[str]:
        """Sentences the user should read, known once `clips` is exhausted."""
        return []

    def descriptions(self) -> dict[str, dict[str, str]]:
        """Descriptions that come with the data: name → sample id → text; known after `clips`."""
        return {}

    def truth(self) -> dict[str, dict[str, Any]]:
        """What is known of samples beyond their annotations: sample id → facts, after `clips`."""
        return {}

    def video_durations(self) -> dict[str, float]:
        """Seconds of each video whose length the annotations tell; known after `clips`."""
        return {}

    @classmethod
    def participant_slice(cls, video_id: str, train: Collection[str] | None = None) -> str:
        """`seen` or `unseen`: whether the video's participant is among those of training.

        `train` names them, else the data set's own list; "" where neither tells.
        """
        return ""

    def downloader_ids(self, clips: list[ActionClip]) -> list[str]:
        """The ids that the data set's own downloader takes, sorted, each once."""
        return sorted({clip.video_id for clip in clips})

    @staticmethod
    def missing_video(video_id: str) -> SampleError:
        return SampleError("missing_video", video_id)
