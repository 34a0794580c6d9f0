"""The interface of a data set: reads annotations, yields action clips and rejections."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, ClassVar

from egoactgen_bench.api.options import Options
from egoactgen_bench.api.plugin_declarations import defaults_of
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.manifests import MetricDefaults, Subset
from egoactgen_bench.errors import BenchError, SampleError


class Dataset(ABC):
    """Base class of data sets; `bench datasets` shows a subclass's first docstring line.

    Listing the clips decodes no frames and needs no videos. `options` are the defaults until
    `open_dataset` sets those that were passed.
    """

    Options: type[Options] = Options
    """The class of its own options, `-o KEY=VALUE`."""
    name: ClassVar[str]
    """The name in samples.csv and in the names of splits."""
    keeps_frames: ClassVar[bool] = False
    """Whether frames are stored without resizing."""
    draws: ClassVar[bool] = False
    """Whether it is synthetic, and generates its own annotations and videos."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions that affect its frames, whose versions split.json records."""
    toy: ClassVar[bool] = False
    """Whether it is scored with the toy weights that come with the package."""
    licence: ClassVar[str | None] = None
    """The licence of its frames and annotations, such as "Ego4D license agreement".

    They are then sent to other machines only with `--allow-upload`.
    """

    def __init_subclass__(cls) -> None:
        # An attribute of version 0.1.0; ignoring it would silently select another checkpoint.
        if "egovlp" in vars(cls):
            raise TypeError(
                f"{cls.__name__}.egovlp: declare "
                'metric_defaults = {"egovlp": {"clip_length": "16-frame"}} instead'
            )

    def __init__(self, annotations: Path | None, videos: Path | None, subset: Subset) -> None:
        self.annotations = annotations
        self.videos = videos
        self.subset = subset
        self.options = defaults_of(type(self), self.Options)

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
        """Generate annotations and videos in `folder`, for a data set with `draws`.

        Called before `clips`. Files of an earlier call in `folder` are reused. `progress` shows a
        progress bar on a terminal.
        """

    def annotation_path(self) -> Path:
        """The file or folder given by --annotations. Raises `BenchError` if it is missing."""
        if self.annotations is None:
            raise BenchError(f"{self.name} needs --annotations PATH.")
        if not self.annotations.exists():
            raise BenchError(f"--annotations {self.annotations} does not exist.")
        return self.annotations

    @abstractmethod
    def clips(self) -> Iterator[ActionClip | Rejection]:
        """A clip or a rejection for every action of the subset, in the annotation's order.

        Sample ids are safe file names and unique. Raises `BenchError` if the file is unreadable.
        """

    @abstractmethod
    def locate(self, clip: ActionClip) -> tuple[FrameSource, FrameSource]:
        """The sources under `videos` of a clip's input and target frame.

        Raises `SampleError` (`missing_video`, …) if they are unavailable.
        """

    def searched(self) -> list[str]:
        """The places below `videos` where `locate` looks, for the message if nothing is there."""
        return []

    def recipe(self) -> dict[str, Any]:
        """The settings that affect the split, for split.json; without paths of this machine."""
        return {}

    def notices(self) -> list[str]:
        """Sentences for the user, complete once `clips` is exhausted."""
        return []

    def descriptions(self) -> dict[str, dict[str, str]]:
        """Descriptions included in the data set: name → sample id → text; after `clips`."""
        return {}

    def truth(self) -> dict[str, dict[str, Any]]:
        """Ground truth beyond the annotations: sample id → facts; after `clips`."""
        return {}

    def boxes_path(self) -> Path | None:
        """The annotations with boxes of hands and objects, in a format that --boxes takes."""
        return None

    def video_durations(self) -> dict[str, float]:
        """Seconds of each video whose duration is annotated; after `clips`."""
        return {}

    @classmethod
    def participant_slice(cls, video_id: str, train: Collection[str] | None = None) -> str:
        """`seen` or `unseen`: whether the video's participant occurs in the training data.

        `train` lists the participants, by default those known to the data set; "" if unknown.
        """
        return ""

    def downloader_ids(self, clips: list[ActionClip]) -> list[str]:
        """The distinct ids that the data set's own downloader accepts, sorted."""
        return sorted({clip.video_id for clip in clips})

    @staticmethod
    def missing_video(video_id: str) -> SampleError:
        return SampleError("missing_video", video_id)
