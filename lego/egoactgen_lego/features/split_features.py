"""The features of several splits, in a folder of each split's name."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from egoactgen_bench.artifacts.joint_splits import JointSplit
from egoactgen_bench.errors import BenchError
from egoactgen_lego.features.feature_folder import FeatureFolder
from egoactgen_lego.features.feature_kind import FeatureKind


class SplitFeatures:
    """`DIR/<split>/` of each part of a joint split, with the layouts of `FeatureFolder`.

    Raises `BenchError` where a part's folder is missing.
    """

    def __init__(self, folder: Path, split: JointSplit, kinds: Sequence[FeatureKind]) -> None:
        for part in split.parts:
            if not (folder / part.name).is_dir():
                raise BenchError(
                    f"Split '{part.name}' has no features in {folder}: training on several splits "
                    f"needs the folder {folder / part.name}."
                )
        self.folders = {part.name: FeatureFolder(folder / part.name, kinds) for part in split.parts}
        self.split_of = split.split_of

    @property
    def toy_weights(self) -> bool:
        """Whether toy weights computed the features of any split."""
        return any(folder.toy_weights for folder in self.folders.values())

    def stored(self, sample_id: str, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """As `FeatureFolder.stored`."""
        return self._folder(sample_id).stored(sample_id, sizes)

    def lacks(self, sample_id: str) -> str | None:
        """As `FeatureFolder.lacks`."""
        return self._folder(sample_id).lacks(sample_id)

    def sources(self, sample_ids: Iterable[str] | None = None) -> dict[str, str]:
        """For a manifest: a hash of the contents of each split's files."""
        wanted = list(self.split_of if sample_ids is None else sample_ids)
        return {
            f"features of {name}": folder.digest(x for x in wanted if self.split_of[x] == name)
            for name, folder in self.folders.items()
        }

    def sizes(self) -> dict[str, int]:
        """As `FeatureFolder.sizes`. Raises `BenchError` if those of the splits differ."""
        found = {name: folder.sizes() for name, folder in self.folders.items()}
        first, *others = found
        for name in others:
            if found[name] != found[first]:
                raise BenchError(
                    f"The features of split '{first}' have the sizes {found[first]}, those of "
                    f"'{name}' {found[name]}: compute them with the same VLLM."
                )
        return found[first]

    def _folder(self, sample_id: str) -> FeatureFolder:
        return self.folders[self.split_of[sample_id]]
