"""Thumbnails in a folder next to the page, named by content, so that each is created once."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from egoactgen_bench.errors import SampleError
from egoactgen_bench.measurement.sources import ImageFile
from egoactgen_bench.support.files import sha256_bytes, write_bytes
from egoactgen_bench.support.images import decode_rgb, read_image_file, resize
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.threads import map_in_threads

FULL_HEIGHT, SMALL_HEIGHT = 256, 144
MOST_FULL = 4_000  # images; a larger number is shown at SMALL_HEIGHT to limit the folder's size
QUALITY = 82


def height_for(images: int) -> int:
    """The height in pixels of the thumbnails of a report with this many images."""
    return FULL_HEIGHT if images <= MOST_FULL else SMALL_HEIGHT


def name_of(frame: ImageFile) -> str:
    """A thumbnail's name: the first 16 digits of its source's recorded sha256."""
    return frame.sha256[:16]


@dataclass(frozen=True)
class Thumbnails:
    """The folder `<report>/thumbnails/<height>`: WebP files in subfolders by first two digits."""

    folder: Path
    height: int

    def path(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.webp"

    def make(self, frames: Iterable[ImageFile], progress: bool = False) -> dict[str, str]:
        """Create the missing thumbnails; name and reason code of each that cannot be created."""
        wanted = {name_of(frame): frame for frame in frames}
        missing = [frame for name, frame in wanted.items() if not self.path(name).is_file()]
        failed = {}
        with report_progress("thumbnails", len(missing), "image", shown=progress) as bar:
            for frame, why in zip(missing, map_in_threads(self._make, missing), strict=True):
                bar.update()
                if why is not None:
                    failed[name_of(frame)] = why
        return failed

    def _make(self, frame: ImageFile) -> str | None:
        try:
            data = read_image_file(frame.path)
            if sha256_bytes(data) != frame.sha256:
                return "changed_image"
            image = decode_rgb(data, frame.path.name)
        except SampleError as error:
            return error.code
        width = max(1, round(image.width * self.height / image.height))
        stream = io.BytesIO()
        small = resize(image, (width, self.height)) if image.height > self.height else image
        # Fast compression (method 2): a report may have 100,000 thumbnails.
        small.save(stream, format="WEBP", quality=QUALITY, method=2)
        write_bytes(self.path(name_of(frame)), stream.getvalue())
        return None

    def remove_others(self, frames: Iterable[ImageFile]) -> None:
        """Remove thumbnails of an earlier report that this one does not show."""
        kept = {self.path(name_of(frame)) for frame in frames}
        for path in self.folder.parent.rglob("*.webp"):
            if path not in kept:
                path.unlink()
