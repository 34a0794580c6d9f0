"""Which descriptions and features a training or a run is told, by whose they are."""

from dataclasses import dataclass
from pathlib import Path

from egoactgen_bench.descriptions import load_descriptions
from egoactgen_bench.errors import BenchError
from egoactgen_bench.splits import Split
from lego.ablation.controls import randomise_features, shuffle_descriptions
from lego.ablation.rows import Source
from lego.features import FeatureFolder

OPTIONS = {"tuned": "--descriptions", "untuned": "--untuned", "oracle": "--oracle"}


@dataclass(frozen=True)
class Told:
    """The name of a split's descriptions, and the folder of the features that go with them."""

    descriptions: str
    features: Path


@dataclass(frozen=True)
class Materials:
    """What the VLLM left, by name: the sets of descriptions of both splits.

    Features lie in `features`/<descriptions>/<split>/. Where there is a `train`, the training split
    has it in the place of `tuned`.
    """

    features: Path
    tuned: str | None = None
    untuned: str | None = None
    oracle: str | None = None
    train: str | None = None

    def check(
        self, source: Source, split: Split, training: bool, kinds: tuple[str, ...], who: str
    ) -> None:
        """Refuse what is not there, before hours go into what is."""
        name = self._name(source, training)
        if name is None:
            option = OPTIONS.get(source, OPTIONS["tuned"])
            raise BenchError(f"Row '{who}' reads descriptions: name them with {option} NAME.")
        load_descriptions(split.folder, name)
        folder = self.features / name / split.name
        wanted = ("image", "text") if source == "random" else kinds
        if wanted and not all(self._holds(folder, kind) for kind in wanted):
            raise BenchError(
                f"Row '{who}' reads the VLLM's {' and '.join(wanted)} features of split "
                f"'{split.name}', and {folder} holds none: `bench lego embed --split {split.name} "
                f"--descriptions {name} --out {folder} --weights VLLM` writes them."
            )

    def of(self, source: Source, split: Split, training: bool) -> Told:
        """What is told of a split; a control's files are made where they are not there."""
        name = self._name(source, training)
        assert name is not None  # `check` has refused it
        folder = self.features / name / split.name
        if source == "shuffled":
            return Told(shuffle_descriptions(split, name), folder)
        if source == "random":
            noise = self.features / f"{name}-random" / split.name
            return Told(name, randomise_features(folder, noise))
        return Told(name, folder)

    def _name(self, source: Source, training: bool) -> str | None:
        if source in ("untuned", "oracle"):
            return self.untuned if source == "untuned" else self.oracle
        return (training and self.train) or self.tuned

    @staticmethod
    def _holds(folder: Path, kind: str) -> bool:
        try:
            return bool(FeatureFolder(folder, (kind,)).sample_ids())
        except BenchError:
            return False
