"""The input frame unchanged, as the lower bound for methods."""

from collections.abc import Sequence

from PIL import Image

from egoactgen_bench.api.method import Method
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import SampleError


class CopyInput(Method[Options]):
    """The input frame unchanged."""

    stops_early = False
    uses_device = False
    default_batch_size = 16

    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        return [request.input for request in requests]
