"""The interface of a trainer, which makes the weights of a method."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from egoactgen_bench.api import options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.artifacts.descriptions import Descriptions
from egoactgen_bench.artifacts.splits import Split

OptionsT = TypeVar("OptionsT", bound=options.Options)


@dataclass(frozen=True)
class TrainingContext:
    """What a training tells its trainer beside the trainer's own options.

    `folder` takes the weights; `models` is where others' lie; in `cache` anything may be kept that
    can be computed again. Under a launcher each process has its own `device`.
    """

    split: Split
    folder: Path
    models: Path
    cache: Path
    descriptions: Descriptions | None = None
    seed: int = 0
    device: str = "cpu"
    progress: bool = False


@dataclass(frozen=True)
class Prerequisite:
    """A training that has to be finished before another one starts."""

    trainer: str
    folder: Path
    options: Mapping[str, Any]


class Trainer(ABC, Generic[OptionsT]):
    """Base class of trainers; a subclass's first docstring line stands in `bench trainers`.

    Building one is cheap and checks what it needs. A trainer keeps checkpoints in its folder, and
    goes on from the last one to the very weights that an unbroken training ends with.
    """

    Options: type[OptionsT] = options.Options  # type: ignore[assignment]
    # Named values of options, selected with `--preset`, whose default is `toy`.
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"toy": {}}
    non_semantic_options: ClassVar[frozenset[str]] = (
        frozenset()
    )  # options that leave the weights as they are
    packages: ClassVar[tuple[str, ...]] = ()  # whose versions train.json records
    published_weights: ClassVar[tuple[PublishedWeights, ...]] = ()  # that it may start from

    def __init__(self, options: OptionsT, context: TrainingContext) -> None:
        self.options = options
        self.context = context

    def sources(self) -> dict[str, str]:
        """What else shapes the weights, name → sha256: train.json records it."""
        return {}

    def prerequisites(self) -> Sequence["Prerequisite"]:
        """Other trainings on the same split whose weights this one starts from."""
        return ()

    @abstractmethod
    def train(self) -> dict[str, Any]:
        """Write the weights into the task's folder, and return what train.json should say of it.

        `left_out` (sample id → reason code) names the samples that could not be learnt from.
        """
