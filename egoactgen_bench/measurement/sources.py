"""What scoring reads: the samples of a split, the candidates, and the content of each role."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from egoactgen_bench.api.metric_batch import Item, Role
from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.artifacts.manifests import CopiedRole, marked
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.images import decode_rgb, read_image_file
from egoactgen_bench.support.regular_files import owned_path

SAMPLE_COLUMNS = ("target_frame", "target_sha256", "input_frame", "input_sha256", "action")
OUTPUT_COLUMNS = ("image", "sha256", "status", "detail")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """The file of a frame or image, and the sha256 that the split or run recorded for it."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the split: its frames and texts."""

    sample_id: str
    target: ImageFile
    input: ImageFile
    action: str
    description: str | None
    truth: str | None
    boxes: str | None


class Samples(Sequence[Sample]):
    """The samples of a split in its order, each built on access."""

    def __init__(self, split: Split, descriptions: Mapping[str, str]) -> None:
        self._folder = split.folder
        self._descriptions = descriptions
        self._truth = {name: json.dumps(facts) for name, facts in split.truth().items()}
        self._boxes = {name: json.dumps(boxes) for name, boxes in split.boxes().items()}
        self.boxes_sha256 = sha256_bytes(json.dumps(self._boxes).encode())
        self._columns = {name: split.samples[name].array for name in SAMPLE_COLUMNS}
        self.split = split.name
        self.ids: list[str] = split.samples["sample_id"].tolist()
        self.video_ids: list[str] = split.samples["video_id"].tolist()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that a metric can read."""
        found: set[Role] = {"output", "target", "input", "action", "against"}
        found |= {"description"} if self._descriptions else set()
        found |= {"truth"} if self._truth else set()
        return frozenset(found | ({"boxes"} if self._boxes else set()))

    def __getitem__(self, position: Any) -> Any:
        row = {name: column[position] for name, column in self._columns.items()}
        return Sample(
            sample_id=self.ids[position],
            target=self._file(row["target_frame"], row["target_sha256"]),
            input=self._file(row["input_frame"], row["input_sha256"]),
            action=row["action"],
            description=self._descriptions.get(self.ids[position]),
            truth=self._truth.get(self.ids[position]),
            boxes=self._boxes.get(self.ids[position]),
        )

    def _file(self, name: str, sha256: str) -> ImageFile:
        return ImageFile(owned_path(self._folder, name), sha256)


class Candidate:
    """What is scored as one row of the table: a run, or a reference such as the input frame.

    `table` has one row per sample of the split, in its order: image (a path relative to `folder`),
    sha256, status and detail. The status is empty if the run does not contain the sample. `copy_of`
    is the role of the frames that the images are copies of, if known; `toy_weights`,
    `target_time` and `reproducible_by_seed` are as in run.json.
    """

    def __init__(
        self,
        name: str,
        method: str,
        folder: Path,
        table: pd.DataFrame,
        *,
        copy_of: CopiedRole = "",
        toy_weights: bool = False,
        target_time: bool = False,
        reproducible_by_seed: bool = True,
    ) -> None:
        self.name = name
        self.method = method
        self.copy_of = copy_of
        self.toy_weights = toy_weights
        self.target_time = target_time
        self.reproducible_by_seed = reproducible_by_seed
        self._folder = folder
        self._columns = {column: table[column].array for column in OUTPUT_COLUMNS}
        self.count = int((table["status"] != "").sum())

    @property
    def reference(self) -> bool:
        """Whether it is a reference: copies of the split's frames."""
        return bool(self.copy_of)

    @property
    def ranked(self) -> bool:
        """Whether it is compared with the other candidates."""
        return not (self.reference or self.toy_weights)

    @property
    def label(self) -> str:
        """The name as figures show it."""
        return marked(self.name, toy_weights=self.toy_weights, target_time=self.target_time)

    def output(self, position: int) -> ImageFile | SampleError | None:
        """A sample's image, or the error recorded instead, or None if the run lacks the sample."""
        image, sha256, status, detail = (column[position] for column in self._columns.values())
        if status == OK:
            return ImageFile(owned_path(self._folder, image), sha256)
        return SampleError(status, detail) if status else None

    def digest(self) -> str:
        """sha256 over the recorded hash and status of each sample."""
        digest = hashlib.sha256()
        for sha256, status in zip(self._columns["sha256"], self._columns["status"], strict=True):
            digest.update(f"{sha256} {status}\n".encode())
        return digest.hexdigest()


class Source:
    """The content of an image file: read once, decoded once and only on request."""

    def __init__(self, file: ImageFile) -> None:
        self._file = file
        self._image: Image.Image | None = None
        # Read once: what is hashed is what is decoded, even if the file is replaced in between.
        self._data = read_image_file(file.path)
        self.digest = hashlib.sha256(self._data).digest()

    @property
    def changed(self) -> bool:
        """Whether the file differs from the recorded one."""
        return self.digest.hex() != self._file.sha256

    def image(self) -> Image.Image:
        """The decoded image, 8-bit RGB."""
        if self._image is None:
            self._image = decode_rgb(self._data, str(self._file.path))
        return self._image


Content = Source | str | SampleError


def content(found: ImageFile | SampleError | str | None, role: Role) -> Content:
    """The content of a role: a text, a file that was read, or the error that prevents it."""
    if found is None:
        return SampleError(f"no_{role}")
    if isinstance(found, SampleError) and role != "output":
        return SampleError(f"{role}_{found.code}", found.detail)
    if not isinstance(found, ImageFile):
        return found
    try:
        return Source(found)
    except SampleError as error:
        return error if role == "output" else SampleError(f"{role}_{error.code}", error.detail)


@dataclass(frozen=True)
class Entry:
    """One sample of one candidate: the content of each role."""

    sample_id: str
    roles: Mapping[Role, Content]

    def key(self, needs: Iterable[Role]) -> bytes:
        """sha256 over the contents of some roles; raises the `SampleError` of a missing one."""
        digest = hashlib.sha256()
        for role in sorted(needs):
            found = self._found(role)
            data = (
                hashlib.sha256(found.encode()).digest() if isinstance(found, str) else found.digest
            )
            # With the role: input and target exchanged are another measurement.
            digest.update(role.encode() + data)
        return digest.digest()

    def item(self, role: Role) -> Item:
        """The image or text of a role; raises `SampleError` if it cannot be read."""
        found = self._found(role)
        if isinstance(found, str):
            return found
        try:
            return found.image()
        except SampleError as error:
            if role == "output":
                raise
            raise SampleError(f"{role}_{error.code}", error.detail) from None

    def _found(self, role: Role) -> Source | str:
        found = self.roles[role]
        if isinstance(found, SampleError):
            raise found
        return found
