"""The interface of a method: its options, its context, its requests and what it returns.

A method is a class, registered under the entry point `egoactgen_bench.methods` or named as
`module:Class`. It is built once per run and called with batches of requests:

    class MyMethod(Method):
        class Options(options.Options):
            strength: float = Field(0.6, ge=0, le=1, description="how far from the input")

        def generate(self, requests):
            return [request.input for request in requests]
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from PIL import Image
from pydantic import Field

from egoactgen_bench.api import options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.api.records import Request
from egoactgen_bench.api.toy_weights import are_toy
from egoactgen_bench.api.weights_folder import locate
from egoactgen_bench.errors import BenchError, SampleError

OptionsT = TypeVar("OptionsT", bound=options.Options)


@dataclass(frozen=True)
class MethodContext:
    """What a run passes to its method in addition to the method's own options.

    `weights` is an existing folder or file; None if none was named and the method has no default.
    `argument` is the text after the colon in `images:DIR`. `described` is whether the run has
    descriptions. `models` is the folder of all weights; `cache` may store anything that can be
    computed again. `sample_ids` are those of the requests to come, if known. `licence` is that of
    the frames and labels, which leave this machine only if `allow_upload` is set: see
    `egoactgen_bench.endpoints.uploads`.
    """

    weights: Path | None = None
    argument: str | None = None
    device: str = "cpu"
    dtype: str = "float32"
    described: bool = False
    models: Path = Path("workspace/models")
    cache: Path | None = None
    sample_ids: Sequence[str] | None = None
    licence: str | None = None
    allow_upload: bool = False


class Method(ABC, Generic[OptionsT]):
    """Base class of methods; `bench methods` shows a subclass's first docstring line.

    Building one is cheap and checks its requirements. Expensive work belongs in `load`, as a run
    that is already complete builds its method, too, to read `weight_files` and `sources`.
    """

    Options: type[OptionsT] = options.Options  # type: ignore[assignment]
    """The class of its own options, `-o KEY=VALUE`."""
    takes_argument: ClassVar[bool] = False
    """Whether it is named with an argument, as in `images:DIR`."""
    uses_weights: ClassVar[bool] = False
    """Whether it takes `--weights`."""
    uses_device: ClassVar[bool] = True
    """False: `--device` and `--dtype` have no effect."""
    default_weights: ClassVar[str | None] = None
    """The weights without `--weights`: a name in the folder of weights."""
    default_batch_size: ClassVar[Annotated[int, Field(ge=1)]] = 1
    """Requests per call of `generate` without `--batch-size`."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions run.json records."""
    reproducible: ClassVar[bool] = True
    """Whether the same seed gives the same images; in run.json, and tables say if not."""
    non_semantic_options: ClassVar[frozenset[str]] = frozenset()
    """Options that affect no image: another value resumes a run."""
    stops_early: ClassVar[bool] = True
    """Whether a run stops if its first samples all fail alike, as with a broken model."""
    published_weights: ClassVar[tuple[PublishedWeights, ...]] = ()
    """Published weights that it may need."""

    def __init__(self, options: OptionsT, context: MethodContext) -> None:
        self.options = options
        self.context = context

    @classmethod
    def find_weights(cls, name: str | None, models: Path) -> Path | None:
        """The file or folder of `--weights`: a path, or a name in the folder `models`.

        None if no name is given and the method has no default.
        """
        if name is None:
            name = cls.default_weights
        elif not cls.uses_weights:
            raise BenchError("This method uses no weights: omit --weights.")
        return None if name is None else locate(name, models, plugin=cls)

    @classmethod
    def default_dtype(cls, device: str) -> str:
        """The dtype of `--dtype auto` on a device."""
        return "float32"

    @classmethod
    def suggested(cls, weights: Path | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults that the weights declare for options that are not `chosen`; in run.json."""
        return {}

    def load(self) -> None:
        """Load the networks; called once per run, before the first `generate`."""

    def weight_files(self) -> list[Path]:
        """The weight files that affect the images; run.json records their sha256."""
        return []

    def uses_toy_weights(self) -> bool:
        """Whether an image depends on weights that know only the toy kitchen.

        On other data sets, run.json records it, and tables mark the run.
        """
        return are_toy(self.context.weights)

    def uses_target_time(self) -> bool:
        """Whether requests must contain the time of the target frame, from the annotations.

        Such a run knows more than the others: run.json records it, and tables mark the run.
        """
        return False

    def call_record(self) -> dict[str, Any]:
        """How the method calls its model, as JSON values; recorded in run.json.

        In particular, what the model is given: the size of the frame and the form of the prompt.
        """
        return {}

    def sources(self) -> dict[str, str]:
        """Other inputs that affect the images, name → sha256; recorded in run.json."""
        return {}

    def batch_record(self) -> dict[str, Any]:
        """Facts about the requests since the last call, as JSON values, for `run_record`."""
        return {}

    def run_record(self, batches: list[dict[str, Any]]) -> dict[str, Any]:
        """Further fields of run.json, from the `batch_record` of all batches, in their order."""
        return {}

    def cost_estimate(self, images: int, earlier: dict[str, Any] | None) -> str:
        """A sentence for `--dry-run` about what so many images cost; "" if nothing.

        `earlier` is the run.json of an earlier run of this method, if there is one.
        """
        return ""

    def notices(self) -> list[str]:
        """Sentences for the user, printed with the run's result."""
        return []

    def prompt(self, request: Request) -> str:
        """The prompt of this method for a request, as recorded in the run's samples.csv."""
        return ""

    @abstractmethod
    def generate(self, requests: Sequence[Request]) -> Sequence[Image.Image | SampleError]:
        """One 8-bit RGB image per request, in order.

        A request that fails gives a `SampleError` instead. If this method raises, each request of
        the batch is repeated on its own, so that a failing one does not affect the others; a
        `BenchError` ends the whole run. An image depends only on its own request: never on other
        requests, the batch size or an earlier call.
        """
