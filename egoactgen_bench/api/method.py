"""The interface of a method: what it is told about itself, what it is asked, what it returns.

A method is a class, registered under the entry point `egoactgen_bench.methods` or named as
`module:Class`. It is built once per run and asked for batches:

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
from typing import Any, ClassVar, Generic, TypeVar

from PIL import Image

from egoactgen_bench.api import options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.api.records import Request
from egoactgen_bench.api.weights_folder import locate
from egoactgen_bench.errors import BenchError, SampleError

OptionsT = TypeVar("OptionsT", bound=options.Options)


@dataclass(frozen=True)
class MethodContext:
    """What a run tells its method beside the method's own options.

    `weights` is a folder or file, already found; None where none was named and the method has no
    default. `argument` is what followed the colon in `images:DIR`. `described` says whether the run
    was given descriptions. `models` is where others' weights lie; in `cache` anything may be kept
    that can be computed again. `sample_ids` are those that the run will ask for, where it knows.
    """

    weights: Path | None = None
    argument: str | None = None
    device: str = "cpu"
    dtype: str = "float32"
    described: bool = False
    models: Path = Path("workspace/models")
    cache: Path | None = None
    sample_ids: Sequence[str] | None = None


class Method(ABC, Generic[OptionsT]):
    """Base class of methods; a subclass's first docstring line stands in `bench methods`.

    Building one is cheap and checks what it needs; heavy work waits for `load`, since a run that
    turns out to be complete builds its method too, to ask for `weight_files` and `sources`.
    """

    Options: type[OptionsT] = options.Options  # type: ignore[assignment]
    takes_argument: ClassVar[bool] = False
    uses_weights: ClassVar[bool] = False
    uses_device: ClassVar[bool] = True  # False: `--device` and `--dtype` do not concern it
    default_weights: ClassVar[str | None] = None
    default_batch_size: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()  # whose versions run.json records
    published_weights: ClassVar[tuple[PublishedWeights, ...]] = ()  # that it may need

    def __init__(self, options: OptionsT, context: MethodContext) -> None:
        self.options = options
        self.context = context

    @classmethod
    def find_weights(cls, name: str | None, models: Path) -> Path | None:
        """The file or folder that `--weights` means: a path, else a name in the folder `models`.

        None where no name is given and the method has no default.
        """
        if name is None:
            name = cls.default_weights
        elif not cls.uses_weights:
            raise BenchError("This method uses no weights: leave out --weights.")
        return None if name is None else locate(name, models, plugin=cls)

    @classmethod
    def suggested(cls, weights: Path | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Options that the weights ask for, where none are `chosen`; run.json records them."""
        return {}

    def load(self) -> None:
        """Bring the networks to the device; a run calls it once, before the first `generate`."""

    def weight_files(self) -> list[Path]:
        """The files that shape the images: run.json records their sha256."""
        return []

    def sources(self) -> dict[str, str]:
        """What else shapes the images, name → sha256: run.json records it."""
        return {}

    def notices(self) -> list[str]:
        """Sentences that the user should read beside the run's outcome."""
        return []

    def prompt(self, request: Request) -> str:
        """The text that this method reads for a request, as recorded in the run's samples.csv."""
        return ""

    @abstractmethod
    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        """One 8-bit RGB image for each request, in order.

        A request that cannot be served gives a `SampleError` in its place. Where this raises, each
        request of the batch is asked alone, so that a bad one costs itself only; a `BenchError`
        ends the whole run. An image depends on its own request alone: never on its neighbours, the
        batch's size or an earlier call.
        """
