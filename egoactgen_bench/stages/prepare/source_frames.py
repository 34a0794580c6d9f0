"""Reads the frames of frame sources, each file in one pass."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from egoactgen_bench.api.records import FrameSource
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support import images
from egoactgen_bench.support.tar_archives import read_members

ReadResult = Image.Image | SampleError


class FrameReader:
    """Reads frame sources, and counts the `files` opened and the `bytes` read."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0

    def read(self, sources: Iterable[FrameSource]) -> Iterator[tuple[FrameSource, ReadResult]]:
        """Each distinct source once, with its 8-bit RGB image or the error that prevented it.

        Sources are ordered by file, those of one file in their order in the file.
        """
        by_file: dict[Path, list[FrameSource]] = defaultdict(list)
        for source in dict.fromkeys(sources):
            by_file[source.path].append(source)
        for path, wanted in by_file.items():
            self.files += 1
            if wanted[0].time is not None:
                yield from self._video(path, wanted)
            elif wanted[0].member is not None:
                yield from self._archive(path, wanted)
            else:
                yield wanted[0], self._image_file(path)

    def _video(
        self, path: Path, wanted: list[FrameSource]
    ) -> Iterator[tuple[FrameSource, ReadResult]]:
        from egoactgen_bench.video.video_reading import VideoReader

        try:
            reader = VideoReader(path)
        except SampleError as error:
            yield from ((source, error) for source in wanted)
            return
        by_time = {source.time: source for source in wanted}
        with reader:
            for time, found in reader.frames_at([time for time in by_time if time is not None]):
                yield by_time[time], found
            self.bytes += reader.bytes_read

    def _archive(
        self, path: Path, wanted: list[FrameSource]
    ) -> Iterator[tuple[FrameSource, ReadResult]]:
        by_member = {source.member: source for source in wanted if source.member is not None}
        for name, data in read_members(path, by_member):
            if isinstance(data, bytes):
                yield by_member[name], self._decoded(data, f"{path.name}: {name}")
            else:
                yield by_member[name], data

    def _image_file(self, path: Path) -> ReadResult:
        try:
            return self._decoded(images.read_image_file(path), path.name)
        except SampleError as error:
            # Without the folders of this machine.
            return SampleError(error.code, error.detail.replace(str(path), path.name))

    def _decoded(self, data: bytes, name: str) -> ReadResult:
        self.bytes += len(data)
        try:
            return images.decode_rgb(data, name)
        except SampleError as error:
            return error
