"""A run from finished images that were generated elsewhere."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from egoactgen_baselines.finished.finished_files import FinishedFiles
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import read_rgb

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class Images(Method[Options]):
    """Finished images by sample id: DIR/<sample_id>.png, .jpg or .webp, of any size.

    They may also be in DIR/images/, as in a run's folder, or in the layout of the released data,
    DIR/…/<clip>/<action>/<any name>.jpg for the sample <clip>_<action>.
    """

    takes_argument = True
    uses_device = False
    stops_early = False  # a missing file is an ordinary error of a sample
    default_batch_size = 16

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        folder, wanted = Path(context.argument or ""), context.sample_ids or ()
        self.files = FinishedFiles("images", folder, SUFFIXES, wanted)

    def sources(self) -> dict[str, str]:
        return {"images": self.files.sha256(self.context.sample_ids)}

    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        return [self._find(request.sample_id) for request in requests]

    def _find(self, sample_id: str) -> Image.Image | SampleError:
        found = self.files.of(sample_id)
        if not found:
            return SampleError("missing_image", f"no {sample_id}.png, .jpg or .webp found")
        if len(found) > 1:
            return SampleError("ambiguous_image", f"both {found[0].name} and {found[1].name}")
        try:
            return read_rgb(found[0])
        except SampleError as error:
            return SampleError(error.code, found[0].name)
