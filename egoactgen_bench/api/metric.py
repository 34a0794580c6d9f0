"""The interface of a metric: what it needs, what it measures per sample, how that is summarised.

A metric is a class, registered under the entry point `egoactgen_bench.metrics` by its name or named
as `module:Class`. It is built once per call and measures batches:

    class LpipsOptions(options.Options):
        network: Literal["squeeze", "alex", "vgg"] = "squeeze"

    class Lpips(Metric[LpipsOptions]):
        name, label, factor = "lpips", "LPIPS", 100
        higher_is_better = False
        Options = LpipsOptions

        def measure(self, batch):
            return distances(batch.images("output"), batch.images("target"))[:, None]

Importing a metric's module must stay cheap: heavy packages are imported inside its functions.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api import metric_deviations as deviations
from egoactgen_bench.api import options
from egoactgen_bench.api.metric_batch import Batch, Role
from egoactgen_bench.api.weights_folder import WeightsFolder, open_weights_folder
from egoactgen_bench.artifacts.manifests import EgoVLP
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.provenance import content_digest, versions

OptionsT = TypeVar("OptionsT", bound=options.Options)

CAPTIONERS = ("transformers", "lavis")


@dataclass(frozen=True)
class MetricContext:
    """What a call tells every metric beside the metric's own options.

    `weights` is the folder of weight files; `egovlp` is the split's clip form. `workspace` is where
    helpers with a home of their own live. With `fresh`, what earlier calls kept is not looked at.
    """

    weights: Path = Path("models")
    device: str = "cpu"
    egovlp: EgoVLP = "4-frame"
    captioner: str = "transformers"  # one of CAPTIONERS
    workspace: Path = field(default_factory=lambda: Path("workspace"))
    fresh: bool = False

    @property
    def weights_folder(self) -> WeightsFolder:
        """The folder `weights`, with what in it stands in for published files."""
        return open_weights_folder(self.weights)

    @property
    def stand_in(self) -> str:
        """What the weights are called where others stand in for the published ones, else empty."""
        return self.weights_folder.label


class Metric(ABC, Generic[OptionsT]):
    """Base class of metrics; a subclass's first docstring line stands in `bench metrics`.

    `factor` turns a raw value into the paper's unit (100 for cosines and LPIPS). `needs` names the
    roles that `measure` reads: a sample or split without one of them is not measured.
    """

    Options: type[OptionsT] = options.Options  # type: ignore[assignment]
    name: str  # an instance may have its own
    label: ClassVar[str]  # as tables print it
    unit: ClassVar[str] = ""
    factor: ClassVar[float] = 1.0
    decimals: ClassVar[int] = 2
    higher_is_better: ClassVar[bool]
    primary: ClassVar[bool] = False
    position: ClassVar[int] = 100  # place in tables, from the left
    # Raise it with every change of code that changes a value: rows measured by another revision
    # are not used again. A release of the toolkit alone invalidates nothing.
    revision: ClassVar[int] = 1
    needs: frozenset[Role] = frozenset({"output", "target"})  # an instance may have its own
    packages: ClassVar[tuple[str, ...]] = ()  # whose versions the signature names
    per_sample: ClassVar[bool] = True  # False: only a set of samples has a value (FID)
    minimum_samples: ClassVar[int] = 1  # refused below
    advised_samples: ClassVar[int] = 1  # warned of below
    may_be_infinite: bool = False  # else a value that is not finite is a failed sample

    def __init__(self, options: OptionsT, context: MetricContext) -> None:
        self.options = options
        self.context = context

    @classmethod
    def variants(cls) -> Mapping[str, OptionsT]:
        """The protocols that this metric belongs to, and its options in each."""
        return {"standard": cls.Options()}

    @classmethod
    def known_deviations(cls) -> deviations.Axes:
        """How a number that claims to be this metric may have been made otherwise, in axes."""
        return deviations.of_options(cls.Options) | deviations.COMMON

    @abstractmethod
    def measure(self, batch: Batch) -> NDArray[np.floating]:
        """One row of statistics per sample, (n, width) float32 or float64.

        A row depends on its own sample alone: never on its neighbours, the batch's size or an
        earlier call. A row that holds NaN marks its sample as failed; so does a `SampleError`.
        """

    def summarise(self, rows: NDArray[np.floating]) -> float:
        """One number in raw units from the rows of all samples: of a per-sample metric the mean.

        The rows of a set metric are read from disk when they are sliced: go through them in blocks
        (`rows[start : start + 1024]`), so that wide ones never fill memory.
        """
        return float(np.mean(rows[:, 0], dtype=np.float64))

    def facts(self) -> Mapping[str, str]:
        """What beside options, weights and versions shapes a value: preprocessing, ranges …"""
        return {}

    def weights(self) -> tuple[tuple[str, ...], ...]:
        """The files or folders under the weights folder that are needed, each with alternatives."""
        return ()

    def obstacle(self) -> str | None:
        """What beside weights is lacking here, as a sentence that says what to do; or None."""
        return None

    def captions(self, rows: NDArray[np.floating]) -> Mapping[str, Sequence[str]]:
        """The captions that rows of `measure` stand on, by captioner; for captions.csv."""
        return {}

    def signature(self) -> str:
        """How a value is made, readable: `psnr|resize:lanczos|range:255|r:1`."""
        parts = {key: str(value) for key, value in self.options.model_dump().items()}
        parts |= self.facts()
        for names in self.weights():
            path = self.weight_path(*names)
            name = f"{self.context.stand_in}/{path.name}" if self.context.stand_in else path.name
            parts[name] = content_digest(path)[:12]
        parts |= {name: versions([name])[name] for name in self.packages}
        return "|".join([self.name, *(f"{key}:{value}" for key, value in parts.items())]) + (
            f"|r:{self.revision}"
        )

    def measurement(self) -> str:
        """What `measure` computes: metrics for which this is equal share one set of rows."""
        signature = self.signature()
        if not signature.endswith("|r:1"):
            return signature
        return signature.removesuffix("|r:1") + "|v:0.1.0"  # so that its rows are found, too

    def missing_weights(self) -> list[str]:
        """The first name of each needed file of which no alternative is there."""
        return [
            names[0] for names in self.weights() if not any(p.exists() for p in self._paths(names))
        ]

    def weight_path(self, *names: str) -> Path:
        """The first of the alternatives that is in the weights folder."""
        for path in self._paths(names):
            if path.exists():
                return path
        raise BenchError(
            f"{self.context.weights} holds no {' or '.join(names)}: "
            f"fetch it with `bench models fetch {names[0]}` or name its folder by --weights-dir."
        )

    def _paths(self, names: Sequence[str]) -> list[Path]:
        """Where the alternatives of a needed file may be, or what stands in for them."""
        return self.context.weights_folder.paths(names)
