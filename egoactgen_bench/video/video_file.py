"""Opens video files, selects the displayed stream and configures its decoder."""

import io
import os
from pathlib import Path
from typing import cast

import av
from av.container import Flags, InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream as CodedStream

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.regular_files import open_regular

_NO_VIDEO = (Disposition.attached_pic | Disposition.timed_thumbnails).value
_GENERATE_TIMES = cast(int, Flags.gen_pts.value)
MAX_PIXELS = 2**27  # of a frame; a damaged header must not allocate all memory


class CountedFile(io.FileIO):
    """A file that counts the bytes read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self.bytes_read += len(data)
        return data


def open_file(path: Path) -> CountedFile:
    """Raises `SampleError` `missing_video`, or `undecodable` if it is not a readable file."""
    try:
        return CountedFile(path, opener=_regular)
    except FileNotFoundError:
        raise SampleError("missing_video", path.name) from None
    except OSError as error:
        raise SampleError("undecodable", f"{path.name}: {error.strerror}") from None


def _regular(path: str, flags: int) -> int:
    with open_regular(Path(path)) as stream:
        return os.dup(stream.fileno())


def open_container(file: CountedFile, name: str) -> InputContainer:
    """Open a file for reading; raises `SampleError` `undecodable` for a program stream."""
    container = av.open(file, "r", metadata_errors="replace")
    if container.format.name == "mpeg":
        container.close()
        # FFmpeg counts its frames from the place at which it begins to read.
        raise SampleError(
            "undecodable",
            f"{name} is an MPEG program stream (.mpg, .vob), in which frames cannot be found by "
            "time: remux it as MP4 or Matroska",
        )
    # PyAV lets FFmpeg invent missing presentation times from the times of the next packets: in AVI
    # every frame before a dropped one would end too early.
    container.flags &= ~_GENERATE_TIMES
    return container


def displayed_stream(container: InputContainer, name: str) -> CodedStream:
    """The stream that players show: the one marked as default, then the largest, then the first.

    All others are discarded while reading. Raises `SampleError` `undecodable`.
    """
    videos = [
        stream
        for stream in container.streams.video
        # A cover picture counts as a video stream of one frame.
        if not stream.disposition & _NO_VIDEO
    ]
    if not videos:
        raise SampleError("undecodable", f"{name} contains no video stream")
    chosen = max(videos, key=_preference)
    for other in container.streams:
        # Audio and IMU streams of Ego4D's files need not be read at all.
        other.discard = Discard.default if other is chosen else Discard.all
    # Typed as always present, but it is None for a codec that this FFmpeg cannot decode.
    if getattr(chosen, "codec_context", None) is None:
        raise SampleError("undecodable", f"{name}: FFmpeg has no decoder for its codec")
    return chosen


def _preference(stream: CodedStream) -> tuple[bool, int]:
    decoder = getattr(stream, "codec_context", None)
    pixels = 0 if decoder is None else decoder.width * decoder.height
    return bool(stream.disposition & Disposition.default.value), pixels


def configure_decoder(stream: CodedStream) -> None:
    decoder = stream.codec_context
    decoder.thread_count = 1  # with more, a frame may be output before its damage is detected
    decoder.copy_opaque = True  # each frame names its packet, whatever their times are
    decoder.options = {"max_pixels": str(MAX_PIXELS)}
    # FFmpeg's h264 decoder marks damaged frames by itself, and `explode` would make it fail on
    # harmless irregularities.
    if decoder.name != "h264":
        decoder.options |= {"err_detect": "explode"}
