"""The features of training samples: read from files, or computed by a VLLM."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from egoactgen_bench.api.trainer import TrainingContext
from egoactgen_bench.artifacts.joint_splits import JointSplit
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.diffusion.finetuning.denoising_samples import Features
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.images import read_rgb
from egoactgen_lego.features.feature_folder import FeatureFolder
from egoactgen_lego.features.feature_kind import FeatureKind
from egoactgen_lego.features.split_features import SplitFeatures
from egoactgen_lego.generator.live_features import FeatureOptions, LiveFeatures, open_features


@dataclass(frozen=True)
class FeatureFiles:
    """Features in files, in the 16 bits in which they are stored."""

    in_workers: ClassVar[bool] = True
    folder: FeatureFolder | SplitFeatures
    sizes: dict[str, int]

    def __call__(self, sample_id: str) -> Features:
        try:
            return self.folder.stored(sample_id, self.sizes)
        except SampleError as error:
            raise _unusable(sample_id, error) from None


@dataclass(frozen=True)
class ComputedFeatures:
    """Features that a VLLM computes on the training's device."""

    in_workers: ClassVar[bool] = False
    vllm: LiveFeatures
    sizes: dict[str, int]
    split: Split
    rows: Mapping[str, Mapping[str, Any]]  # of the split, by sample id
    texts: Mapping[str, str]

    def __call__(self, sample_id: str) -> Features:
        row = self.rows[sample_id]
        try:
            frame = read_rgb(self.split.frame_path(row["input_frame"]))
            return self.vllm.of(frame, row["action"], self.texts[sample_id], self.sizes)
        except SampleError as error:
            raise _unusable(sample_id, error) from None


def open_for_training(
    options: FeatureOptions, kinds: tuple[FeatureKind, ...], context: TrainingContext
) -> FeatureFolder | SplitFeatures | LiveFeatures | None:
    """The source of features of these `kinds`; those of a joint split have a folder per part."""
    split = context.split
    if isinstance(split, JointSplit) and kinds and options.features and not options.vllm:
        return SplitFeatures(options.features, split, kinds)
    return open_features(options, kinds, context.models, context.cache, context.device)


def _unusable(sample_id: str, error: SampleError) -> BenchError:
    return BenchError(f"Sample {sample_id} cannot be used for training: {error}.")
