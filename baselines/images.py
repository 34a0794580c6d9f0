"""Finished images, made elsewhere, brought into a run."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.files import sha256_bytes, sha256_file
from egoactgen_bench.images import read_rgb
from egoactgen_bench.methods import Method, Setting
from egoactgen_bench.options import Options
from egoactgen_bench.records import Request

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class Images(Method[Options]):
    """Finished images by sample id: DIR/<sample_id>.png, .jpg or .webp, each at its own size."""

    takes_argument = True
    uses_device = False
    default_batch_size = 16

    def __init__(self, options: Options, setting: Setting) -> None:
        super().__init__(options, setting)
        self.folder = Path(setting.argument or "")
        if not self.folder.is_dir():
            raise BenchError(f"images:{self.folder}: there is no such folder.")
        self.files: dict[str, list[Path]] = {}
        for path in sorted(self.folder.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                self.files.setdefault(path.stem, []).append(path)
        if not self.files:
            raise BenchError(f"images:{self.folder}: it holds no {', '.join(SUFFIXES)} files.")

    def sources(self) -> dict[str, str]:
        files = [path for paths in self.files.values() for path in paths]
        lines = (f"{sha256_file(path)}  {path.name}\n" for path in files)
        return {"images": sha256_bytes("".join(lines).encode())}

    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        return [self._find(request.sample_id) for request in requests]

    def _find(self, sample_id: str) -> Image.Image | SampleError:
        found = self.files.get(sample_id, [])
        if not found:
            return SampleError("missing_image", f"no {sample_id}.png, .jpg or .webp")
        if len(found) > 1:
            return SampleError("ambiguous_image", f"both {found[0].name} and {found[1].name}")
        try:
            return read_rgb(found[0])
        except SampleError as error:
            return SampleError(error.code, found[0].name)
