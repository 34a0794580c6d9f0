"""What scoring reads: the candidates, the split's samples, and the content of each role."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from egoactgen_bench.api.metric_batch import Item, Role
from egoactgen_bench.artifacts.runs import OK
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import decode_rgb

SAMPLE_COLUMNS = ("target_frame", "target_sha256", "input_frame", "input_sha256", "action")
OUTPUT_COLUMNS = ("image", "sha256", "status", "detail")


@dataclass(frozen=True, slots=True)
class Frame:
    """An image file and the sha256 that the split or run recorded for it."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the split: its frames and texts."""

    sample_id: str
    target: Frame
    input: Frame
    action: str
    description: str | None
    truth: str | None


class Samples(Sequence[Sample]):
    """The split's samples in its order, each made when it is asked for."""

    def __init__(self, split: Split, descriptions: Mapping[str, str]) -> None:
        self._folder = split.folder
        self._descriptions = descriptions
        self._truth = {name: json.dumps(facts) for name, facts in split.truth().items()}
        self._columns = {name: split.samples[name].array for name in SAMPLE_COLUMNS}
        self.ids: list[str] = split.samples["sample_id"].tolist()
        self.video_ids: list[str] = split.samples["video_id"].tolist()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def roles(self) -> frozenset[Role]:
        """What metrics can be given of samples."""
        found: set[Role] = {"output", "target", "input", "action"}
        found |= {"description"} if self._descriptions else set()
        return frozenset(found | ({"truth"} if self._truth else set()))

    def __getitem__(self, position: Any) -> Any:
        row = {name: column[position] for name, column in self._columns.items()}
        return Sample(
            sample_id=self.ids[position],
            target=Frame(self._folder / row["target_frame"], row["target_sha256"]),
            input=Frame(self._folder / row["input_frame"], row["input_sha256"]),
            action=row["action"],
            description=self._descriptions.get(self.ids[position]),
            truth=self._truth.get(self.ids[position]),
        )


class Candidate:
    """What is scored as one row: a run, or a reference such as the input frame itself.

    `table` has a row for each sample of the split, in its order: image (a path under `folder`),
    sha256, status and detail; an empty status where the run leaves the sample out.
    """

    def __init__(
        self, name: str, method: str, folder: Path, table: pd.DataFrame, *, reference: bool = False
    ) -> None:
        self.name = name
        self.method = method
        self.reference = reference
        self._folder = folder
        self._columns = {column: table[column].array for column in OUTPUT_COLUMNS}
        self.count = int((table["status"] != "").sum())

    def output(self, position: int) -> Frame | SampleError | None:
        """The image for a sample of the split, why the run has none, or None."""
        image, sha256, status, detail = (column[position] for column in self._columns.values())
        if status == OK:
            return Frame(self._folder / image, sha256)
        return SampleError(status, detail) if status else None

    def digest(self) -> str:
        """sha256 over the recorded hashes of the images, or why there is none."""
        digest = hashlib.sha256()
        for sha256, status in zip(self._columns["sha256"], self._columns["status"], strict=True):
            digest.update(f"{sha256} {status}\n".encode())
        return digest.hexdigest()


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
