"""The interface of a metric: its inputs, its statistics per sample, and their summary.

A metric is a class, registered by name under the entry point `egoactgen_bench.metrics` or named as
`module:Class`. It is built once per call and measures batches:

    class LpipsOptions(Options):
        network: Literal["squeeze", "alex", "vgg"] = "squeeze"

    class Lpips(Metric[LpipsOptions]):
        name, label, factor = "lpips", "LPIPS", 100
        higher_is_better = False
        Options = LpipsOptions

        def measure(self, batch):
            return distances(batch.images("output"), batch.images("target"))[:, None]

`feature_metric` has base classes for metrics that compare features of a network. Importing a
metric's module must stay cheap: heavy packages are imported inside its functions.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from egoactgen_bench.api import metric_deviations as deviations
from egoactgen_bench.api import options
from egoactgen_bench.api.image_judge import ImageJudge
from egoactgen_bench.api.metric_batch import Batch, Role
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.api.plugin_code import signed_code
from egoactgen_bench.api.plugin_declarations import defaults_of
from egoactgen_bench.api.published_weights import PublishedWeights, how_to_get
from egoactgen_bench.api.weights_folder import WeightsFolder, open_weights_folder
from egoactgen_bench.artifacts.manifests import CopiedRole
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.provenance import content_digest, versions

OptionsT = TypeVar("OptionsT", bound=options.Options)
# (n, width), or for each sample its row or the reason why it has none.
Rows = NDArray[np.floating] | Sequence[NDArray[np.floating] | SampleError]


@dataclass(frozen=True)
class MetricContext:
    """What `bench score` passes to every metric in addition to the metric's own options.

    `weights` is the folder of weight files. `workspace` is the root of the workspace: a metric may
    store computed values in its `cache/`. With `fresh`, the cache of earlier calls is not used.
    `judge` is the vision-language model that the user named, if any.
    """

    weights: Path = Path("models")
    device: str = "cpu"
    workspace: Path = field(default_factory=lambda: Path("workspace"))
    fresh: bool = False
    judge: ImageJudge | None = None

    @property
    def weights_folder(self) -> WeightsFolder:
        """The folder `weights`, with the files in it that stand in for published ones, if any."""
        return open_weights_folder(self.weights)


class Metric(ABC, Generic[OptionsT]):
    """Base class of metrics; a subclass's first docstring line is printed by `bench metrics`.

    `factor` converts a raw value to the paper's unit (100 for cosines and LPIPS). `needs` names the
    roles that `measure` reads: a sample or split that lacks one of them is not measured.
    """

    Options: type[OptionsT] = options.Options  # type: ignore[assignment]
    """The class of its own options, `-o KEY=VALUE`."""
    name: str
    """The name in commands and columns; an instance may have its own."""
    label: ClassVar[Annotated[str, Field(min_length=1, max_length=128)]]
    """The name in tables."""
    unit: ClassVar[Annotated[str, Field(max_length=32)]] = ""
    """The unit in tables, such as dB."""
    factor: ClassVar[Annotated[float, Field(allow_inf_nan=False)]] = 1.0
    """From a raw value to the paper's unit."""
    decimals: ClassVar[Annotated[int, Field(ge=0, le=8)]] = 2
    """Decimals in tables."""
    higher_is_better: ClassVar[bool]
    """Whether a higher value is better."""
    primary: ClassVar[bool] = False
    """Whether tables mark it with ★."""
    group: ClassVar[Annotated[str, Field(max_length=128)]] = ""
    """The title of a table of their own, for metrics that are not in the main one."""
    inapplicable: ClassVar[frozenset[str]] = frozenset()
    """Codes of samples that it does not apply to: without a value, but not failed."""
    position: ClassVar[int] = 100
    """The position in tables, from the left."""
    revision: ClassVar[int] = 1
    """Increase it with every change of code that changes a value.

    Rows measured by another revision are not used again. A release of the toolkit alone invalidates
    nothing.
    """
    needs: frozenset[Role] = frozenset({"output", "target"})
    """The roles that `measure` reads; an instance may have its own."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions the signature names."""
    published_weights: ClassVar[tuple[PublishedWeights, ...]] = ()
    """Published weights that `weights` may ask for."""
    shares_defaults_of: ClassVar[str | None] = None
    """Another metric whose defaults, as declared by a data set, apply to this one too."""
    unsigned: ClassVar[frozenset[str]] = frozenset()
    """Options that `facts` or the weights already state in the signature."""
    per_sample: ClassVar[bool] = True
    """False: only a set of samples has a value (FID)."""
    minimum_samples: ClassVar[int] = 1
    """With fewer samples, it is refused."""
    advised_samples: ClassVar[int] = 1
    """With fewer samples, a warning says so, and nothing is ranked."""
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """The range of a raw value."""
    controls: ClassVar[tuple[CopiedRole, ...]] = ()
    """References that the target must beat, copies of these frames: tables warn if not."""
    questions_per_sample: ClassVar[int] = 1
    """Requests to the judge, for estimates."""
    against: str | None = None
    """The run or reference whose images are the role "against"."""
    may_be_infinite: bool = False
    """False: a value that is not finite is a failed sample."""

    def __init__(self, options: OptionsT, context: MetricContext) -> None:
        self.options = options
        self.context = context

    @classmethod
    def variants(cls) -> Mapping[str, OptionsT]:
        """The protocols that this metric belongs to, and its options in each."""
        return {"standard": defaults_of(cls, cls.Options)}

    @classmethod
    def known_deviations(cls) -> deviations.Axes:
        """How a value reported as this metric may have been computed differently, by axis."""
        return deviations.of_options(cls.Options) | deviations.COMMON

    @abstractmethod
    def measure(self, batch: Batch) -> Rows:
        """One row of statistics per sample, (n, width) float32 or float64.

        A row depends on its own sample alone: never on other samples, the batch size or an earlier
        call. A row that contains NaN marks its sample as failed; so does a `SampleError`, raised or
        in the place of its row in a list.
        """

    def summarise(self, rows: NDArray[np.floating]) -> float:
        """One value in raw units from the rows of all samples; the mean for a per-sample metric.

        The rows of a set metric are read from disk when they are sliced: process them in blocks
        (`rows[start : start + 1024]`), so that wide rows never fill the memory.
        """
        return float(np.mean(rows[:, 0], dtype=np.float64))

    def interval(
        self, rows: NDArray[np.floating], clusters: NDArray[np.int64]
    ) -> tuple[float, float] | None:
        """The 95 % interval of a set metric in raw units, or None if there is none.

        `clusters` is (n,), the number of each row's video. Means have intervals anyway.
        """
        return None

    def facts(self) -> Mapping[str, str]:
        """What affects a value besides options, weights and versions: preprocessing, ranges …"""
        return {}

    def note(self) -> str:
        """What the notes of every table say about how the values were measured; empty: nothing."""
        return ""

    def weights(self) -> tuple[tuple[str, ...], ...]:
        """The files or folders needed from the weights folder, each with its alternatives."""
        return ()

    def obstacle(self) -> str | None:
        """A sentence about what is missing besides weights and how to fix it, or None."""
        return None

    def signature(self) -> str:
        """How a value is computed, as text: `psnr|resize:lanczos|range:255|r:1`."""
        chosen = self.options.model_dump(exclude=set(self.unsigned))
        parts = {key: str(value) for key, value in chosen.items()}
        parts |= call(self, "facts")
        for names in call(self, "weights"):
            path = self.weight_path(*names)
            parts[self.context.weights_folder.signed(path)] = content_digest(path)[:12]
        parts |= {name: versions([name])[name] for name in self.packages}
        signature = "|".join([self.name, *(f"{key}:{value}" for key, value in parts.items())])
        return f"{signed_code(signature, type(self))}|r:{self.revision}"

    def measurement(self) -> str:
        """The key of the rows that `measure` computes; metrics with equal keys share rows."""
        signature = self.signature()
        if not signature.endswith("|r:1"):
            return signature
        return signature.removesuffix("|r:1") + "|v:0.1.0"  # so that rows of 0.1.0 are found

    def missing_weights(self) -> list[str]:
        """The first name of each needed file of which no alternative is in the weights folder."""
        folder = self.context.weights_folder
        return [names[0] for names in call(self, "weights") if folder.find(names) is None]

    def weight_path(self, *names: str) -> Path:
        """The first of the alternatives that is in the weights folder."""
        path = self.context.weights_folder.find(names)
        if path is None:
            how = how_to_get(names[:1], type(self), self.context.weights)
            raise BenchError(
                f"{self.context.weights} does not contain {' or '.join(names)}: "
                f"{how}, or name its folder with --weights-dir."
            )
        return path


@runtime_checkable
class CaptionSource(Protocol):
    """A metric that captions outputs; `bench score` writes its captions to captions.csv."""

    def captions(self, rows: NDArray[np.floating]) -> Mapping[str, Sequence[str]]:
        """The captions behind the `rows` of `measure`: captioner → one caption per row."""
        ...
