"""A run from finished images that were generated elsewhere."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import sha256_bytes, sha256_file
from egoactgen_bench.support.images import read_rgb

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class Images(Method[Options]):
    """Finished images by sample id: DIR/<sample_id>.png, .jpg or .webp, of any size.

    They may also be in DIR/images/, as in a run's folder, or in the layout of the released data,
    DIR/…/<clip>/<action>/<any name>.jpg for the sample <clip>_<action>.
    """

    takes_argument = True
    uses_device = False
    default_batch_size = 16

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        self.folder = Path(context.argument or "")
        if not self.folder.is_dir():
            raise BenchError(f"images:{self.folder}: folder not found.")
        self.files = find_images(self.folder, context.sample_ids or ())
        if not self.files:
            raise BenchError(
                f"images:{self.folder} contains no {', '.join(SUFFIXES)} files, neither as "
                "<sample_id>.png, nor in images/, nor as <clip>/<action>/<name>.jpg."
            )

    def sources(self) -> dict[str, str]:
        files = [path for paths in self.files.values() for path in paths]
        names = (path.relative_to(self.folder).as_posix() for path in files)
        lines = (f"{sha256_file(path)}  {name}\n" for path, name in zip(files, names, strict=True))
        return {"images": sha256_bytes("".join(lines).encode())}

    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        return [self._find(request.sample_id) for request in requests]

    def _find(self, sample_id: str) -> Image.Image | SampleError:
        found = self.files.get(sample_id, [])
        if not found:
            return SampleError("missing_image", f"no {sample_id}.png, .jpg or .webp found")
        if len(found) > 1:
            return SampleError("ambiguous_image", f"both {found[0].name} and {found[1].name}")
        try:
            return read_rgb(found[0])
        except SampleError as error:
            return SampleError(error.code, found[0].name)


def find_images(folder: Path, sample_ids: Iterable[str] = ()) -> dict[str, list[Path]]:
    """Id → the image files of that name, in the layouts with an image of any of the samples.

    If there is none, in the first layout with images. The caller rejects more than one file.
    """
    wanted = set(sample_ids)
    layouts = [_flat(folder), _flat(folder / "images")]
    if not wanted or not wanted <= {name for layout in layouts for name, _ in layout}:
        layouts.append(_nested(folder))
    layouts = [layout for layout in layouts if layout]
    # A contact sheet in the folder must not hide the images in its subfolder.
    used = [layout for layout in layouts if wanted & {name for name, _ in layout}] or layouts[:1]
    return _grouped(pair for layout in used for pair in layout)


def _flat(folder: Path) -> list[tuple[str, Path]]:
    return [(path.stem, path) for path in _images(folder.glob("*"))]


def _nested(folder: Path) -> list[tuple[str, Path]]:
    paths = _images(folder.rglob("*/*/*"))
    return [(f"{path.parents[1].name}_{path.parent.name}", path) for path in paths]


def _images(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.suffix.lower() in SUFFIXES)


def _grouped(pairs: Iterable[tuple[str, Path]]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for sample_id, path in pairs:
        files.setdefault(sample_id, []).append(path)
    return files
