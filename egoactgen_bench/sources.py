"""What scoring reads: the candidates, the split's samples, and the content of each role."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.images import decode_rgb
from egoactgen_bench.metrics.batch import Item, Role


@dataclass(frozen=True, slots=True)
class Frame:
    """An image file and the sha256 that the split or run recorded for it."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the split: its frames and texts."""

    sample_id: str
    video_id: str
    target: Frame
    input: Frame
    action: str
    description: str | None


@dataclass(frozen=True)
class Candidate:
    """What is scored as one row: a run, or a reference such as the input frame itself."""

    name: str
    outputs: Mapping[str, Frame | SampleError]  # by sample id; a run may hold only some samples
    method: str
    reference: bool = False


class Source:
    """One image file: its bytes read once, its picture decoded once if anyone asks."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._picture: Image.Image | None = None
        try:
            self._data = frame.path.read_bytes()
        except OSError:
            raise SampleError("missing_image", str(frame.path)) from None
        self.digest = hashlib.sha256(self._data).digest()

    @property
    def changed(self) -> bool:
        """Whether the file is not the one that was recorded."""
        return self.digest.hex() != self._frame.sha256

    def picture(self) -> Image.Image:
        if self._picture is None:
            self._picture = decode_rgb(self._data, str(self._frame.path))
        return self._picture


Content = Source | str | SampleError


def content(of: Frame | SampleError | str | None, role: Role) -> Content:
    """The file behind a frame, read, or why there is nothing."""
    if of is None:
        return SampleError(f"no_{role}")
    if not isinstance(of, Frame):
        return of
    try:
        return Source(of)
    except SampleError as error:
        return error if role == "output" else SampleError(f"{role}_{error.code}", error.detail)


@dataclass(frozen=True)
class Entry:
    """One sample of one candidate: the content of each role."""

    sample_id: str
    roles: Mapping[Role, Content]

    def key(self, needs: Iterable[Role]) -> bytes:
        """sha256 over the contents of some roles; `SampleError` where one of them has none."""
        digest = hashlib.sha256()
        for role in sorted(needs):
            found = self._found(role)
            data = (
                hashlib.sha256(found.encode()).digest() if isinstance(found, str) else found.digest
            )
            digest.update(role.encode() + data)
        return digest.digest()

    def item(self, role: Role) -> Item:
        """The picture or text of a role; `SampleError` where there is none."""
        found = self._found(role)
        if isinstance(found, str):
            return found
        try:
            return found.picture()
        except SampleError as error:
            if role == "output":
                raise
            raise SampleError(f"{role}_{error.code}", error.detail) from None

    def _found(self, role: Role) -> Source | str:
        found = self.roles[role]
        if isinstance(found, SampleError):
            raise found
        return found
