"""The descriptions and features of a training or a run, by their source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError
from egoactgen_lego.ablation.ablation_rows import Source
from egoactgen_lego.ablation.control_files import randomise_features, shuffle_descriptions
from egoactgen_lego.features.feature_computation import require_computable
from egoactgen_lego.features.feature_folder import FeatureFolder
from egoactgen_lego.features.feature_kind import FeatureKind
from egoactgen_lego.vllm_weights import find_weights

Kinds = tuple[FeatureKind, ...]
OPTIONS = {"tuned": "--descriptions", "untuned": "--untuned", "oracle": "--oracle"}


@dataclass(frozen=True)
class Inputs:
    """The name of a split's descriptions, and the option that selects the features."""

    descriptions: str
    options: dict[str, str]


@dataclass(frozen=True)
class Materials:
    """Sets of descriptions by name, and where their features are.

    With `train`, the training split's set has that name instead of `tuned`. Features are in
    `features`/<descriptions>/<split>/ (the untuned VLLM's of the tuned one's descriptions in
    `features`/<descriptions>-by-untuned/<split>/), unless `vllms` names a VLLM in `models` that
    computes them as they are needed.
    """

    features: Path
    models: Path
    tuned: str | None = None
    untuned: str | None = None
    oracle: str | None = None
    train: str | None = None
    vllms: Mapping[Source, str | None] = field(default_factory=dict)

    def check(self, source: Source, split: Split, training: bool, kinds: Kinds, who: str) -> None:
        """Raise `BenchError` if descriptions or features are missing."""
        name = self._name(source, training)
        if name is None:
            option = OPTIONS.get(source, OPTIONS["tuned"])
            raise BenchError(f"Row '{who}' needs descriptions: name them with {option} NAME.")
        load_descriptions(split.folder, name)
        vllm = self._vllm(source)
        if vllm and kinds:
            require_computable(kinds)
            find_weights(vllm, self.models)
            return
        folder = self._features(source, name) / split.name
        missing = [kind for kind in kinds if not _contains(folder, kind)]
        if missing:
            names = " and ".join(kind.name for kind in missing)
            raise BenchError(
                f"Row '{who}' needs {names} features of split '{split.name}', and {folder} "
                f"contains none: {_remedy(missing, split, name, folder)}."
            )

    def of(self, source: Source, split: Split, training: bool, kinds: Kinds) -> Inputs:
        """The inputs for a split; the files of controls are written if they do not exist yet."""
        name = self._name(source, training)
        assert name is not None  # else `check` has raised
        folder = self._features(source, name) / split.name
        if source == "shuffled":
            return Inputs(shuffle_descriptions(split, name), {})
        if source == "random":
            folder = randomise_features(
                folder, self.features / f"{name}-random" / split.name, kinds
            )
        vllm = self._vllm(source)
        if not kinds:
            return Inputs(name, {})
        return Inputs(name, {"vllm": vllm} if vllm else {"features": str(folder)})

    def _features(self, source: Source, descriptions: str) -> Path:
        """The folder of a source's features, with a folder for each split."""
        marked = f"{descriptions}-by-untuned" if source == "untuned-embeddings" else descriptions
        return self.features / marked

    def _vllm(self, source: Source) -> str | None:
        return self.vllms.get("untuned" if source == "untuned-embeddings" else source)

    def _name(self, source: Source, training: bool) -> str | None:
        if source in ("untuned", "oracle"):
            return self.untuned if source == "untuned" else self.oracle
        return (training and self.train) or self.tuned


def _remedy(missing: list[FeatureKind], split: Split, descriptions: str, folder: Path) -> str:
    """How to get missing features."""
    if all(kind.computable for kind in missing):
        return (
            f"`bench lego embed --split {split.name} --descriptions {descriptions} --out {folder} "
            "--weights VLLM` writes them"
        )
    return "write " + " and ".join(f"{folder / kind.name}/<sample_id>.npy" for kind in missing)


def _contains(folder: Path, kind: FeatureKind) -> bool:
    try:
        return bool(FeatureFolder(folder, (kind,)).sample_ids())
    except BenchError:
        return False
