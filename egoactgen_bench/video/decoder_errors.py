"""The one place that decides which exceptions of a decoder become an error of a sample."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import av

from egoactgen_bench.errors import SampleError

# What FFmpeg, PyAV and NumPy raise on damaged or unsupported files. Exceptions that only a mistake
# in our own code can cause (KeyError, TypeError, …) are not among them.
DECODER_ERRORS = (
    av.FFmpegError,
    OSError,
    EOFError,
    ValueError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
)
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-fA-F]+>|0x[0-9a-fA-F]{6,}")


@contextmanager
def as_sample_errors(name: str) -> Iterator[None]:
    """Raise what a decoder raises as `SampleError` `undecodable`, with the file's `name`."""
    try:
        yield
    except DECODER_ERRORS as error:
        raise SampleError("undecodable", f"{name}: {explanation(error)}") from error


def explanation(error: BaseException) -> str:
    """The error in words that are the same in every call: without the addresses of objects."""
    if isinstance(error, av.PermissionError):
        return "its index is damaged"  # what FFmpeg's error −1 means when seeking
    text = getattr(error, "strerror", None) or str(error)
    return _ADDRESS.sub("…", str(text)).strip() or type(error).__name__
