"""Reads the members of tar archives; damage in one does not affect the others."""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.regular_files import open_regular, reason

LARGEST_MEMBER = 1 << 26  # bytes; a compressed member may expand to any size
MOST_MEMBERS = 1_000_000  # the longest video of EPIC-KITCHENS has about 300,000 frames
# What `tarfile` and the decompressors raise on damaged archives
_DAMAGE = (
    tarfile.TarError,
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    ArithmeticError,
    LookupError,
    MemoryError,
)
_DECOMPRESSORS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


class _Bounded:
    """A stream that refuses to read at once what is much larger than a member or a header."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""  # what was read last

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= 2 * LARGEST_MEMBER:
            raise ValueError(f"a part of it is larger than {LARGEST_MEMBER >> 20} MiB")
        self.last = self._stream.read(size)
        return self.last

    def seek(self, position: int, whence: int = 0, /) -> int:
        place: int = self._stream.seek(position, whence)
        return place

    def tell(self) -> int:
        place: int = self._stream.tell()
        return place


def member_names(path: Path) -> tuple[list[str], str]:
    """The names of all files and links that can be reached, and why the list is incomplete (or "").

    Raises `SampleError` `missing_video`, or `undecodable` if no member can be reached.
    """
    names: list[str] = []
    try:
        for _, entry in _entries(path):
            if entry.isfile() or entry.issym() or entry.islnk():
                names.append(entry.name)
    except SampleError as error:
        if not names:
            raise
        return names, error.detail
    return names, ""


def read_members(path: Path, names: Collection[str]) -> Iterator[tuple[str, bytes | SampleError]]:
    """The content of each named member, in the archive's order; last those that are not in it.

    The errors are `missing_video`, `missing_image` (not a member) and `undecodable` (it
    is damaged, or behind the damage).
    """
    missing = dict.fromkeys(names)
    error = SampleError("missing_image", f"not in {path.name}")
    try:
        for archive, entry in _entries(path):
            if entry.name in missing:
                del missing[entry.name]
                yield entry.name, _content(path.name, archive, entry)
                if not missing:
                    return
    except SampleError as broken:
        error = broken
    yield from ((name, error) for name in missing)


def _entries(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    with _damage_as_sample_error(path.name), open_regular(path) as file:
        head = file.read(6)
        file.seek(0)
        opener = next((o for magic, o in _DECOMPRESSORS.items() if head.startswith(magic)), None)
        stream = _Bounded(opener(file) if opener else file)
        with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r:") as archive:
            place = -1
            for number, entry in enumerate(archive):
                # A damaged size may be negative, which would lead back to earlier members.
                if entry.offset <= place or entry.size < 0 or number == MOST_MEMBERS:
                    raise ValueError(f"member {number + 1} is not valid")
                place = entry.offset
                yield archive, entry
        # `tarfile` takes a damaged or truncated header for the end, which is a block of zeros.
        if stream.last != bytes(tarfile.BLOCKSIZE):
            raise ValueError("it is truncated or damaged")


def _content(
    path_name: str, archive: tarfile.TarFile, entry: tarfile.TarInfo
) -> bytes | SampleError:
    try:
        with _damage_as_sample_error(f"{path_name}: {entry.name}"):
            stream = archive.extractfile(entry)
            if stream is None:
                raise ValueError("it is not a file")
            data = stream.read(LARGEST_MEMBER + 1)
            if len(data) > LARGEST_MEMBER:
                raise ValueError(f"it is larger than {LARGEST_MEMBER >> 20} MiB")
            return data
    except SampleError as error:
        return error


@contextmanager
def _damage_as_sample_error(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise SampleError("missing_video", name) from None
    except KeyError:
        raise SampleError("undecodable", f"{name}: a link to a member that is missing") from None
    except RecursionError:
        raise SampleError("undecodable", f"{name}: a link to itself") from None
    except _DAMAGE as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise SampleError("undecodable", f"{name}: {why or 'it is damaged'}") from None
