"""Features, and descriptions, that a VLLM computes as they are needed, without files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from PIL import Image
from pydantic import Field, field_validator
from torch import Tensor

from egoactgen_bench.api.options import Options
from egoactgen_bench.api.records import Request
from egoactgen_bench.api.toy_weights import are_toy
from egoactgen_bench.artifacts.joint_splits import JointSplit
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_lego.features.conditioning_names import kinds_of
from egoactgen_lego.features.feature_computation import Embedder, require_computable
from egoactgen_lego.features.feature_folder import FeatureFolder, fit
from egoactgen_lego.features.feature_kind import FeatureKind
from egoactgen_lego.features.split_features import SplitFeatures
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.sampling import Sampling
from egoactgen_lego.vllm.text_generation import generator_of, one_line
from egoactgen_lego.vllm.vllm_model import sizes_of
from egoactgen_lego.vllm_weights import find_weights


class FeatureOptions(Options):
    """Where features come from: from files, or from a VLLM."""

    features: Path | None = Field(
        None, description="folder of features: KIND/<sample_id>.npy, as in image/ and text/"
    )
    vllm: str | None = Field(
        None, description="a VLLM (path, or name in models/) that computes them as they are needed"
    )
    vllm_dtype: Literal["float32", "float16", "bfloat16"] = Field(
        "float32", description="in which the VLLM computes, as --dtype of `bench lego embed`"
    )
    features_dtype: Literal["float16", "bfloat16"] = Field(
        "float16", description="to which its features are rounded, as in files"
    )
    question: str = Field(QUESTION, description="question to the VLLM, with {} for the label")
    keep_features: bool = Field(
        False, description="cache its features in the workspace (13 B: 3.4 MB per sample)"
    )

    @field_validator("question")
    @classmethod
    def _has_a_place(cls, value: str) -> str:
        if value.count("{}") != 1:
            raise ValueError("expected exactly one {}, which is replaced by the action's label")
        return value


class LiveFeatures:
    """The features that `bench lego enrich` and `embed` would write of a sample, bit by bit.

    `kinds` are those of the conditioning; `BenchError` for a kind that comes from files only.
    """

    def __init__(self, embedder: Embedder, kinds: tuple[FeatureKind, ...]) -> None:
        require_computable(kinds)
        self.embedder = embedder
        self.kinds = kinds
        self.written: dict[tuple[str, str, int], str] = {}

    @property
    def toy_weights(self) -> bool:
        """Whether the VLLM's weights are toy weights."""
        return are_toy(self.embedder.weights)

    def of(
        self, frame: Image.Image, action: str, description: str, sizes: dict[str, int]
    ) -> dict[str, Tensor]:
        """All kinds of one sample, by name: (tokens, width) float32 in a conditioner's `sizes`."""
        if not self.kinds:
            return {}
        found = self.embedder.of(frame, action, description, self.kinds)
        states = {name: each.float().numpy() for name, each in found.items()}
        return fit(self.kinds, states, sizes)

    def describe(self, request: Request) -> str:
        """A description of the request's action, as `enrich` writes it with its defaults."""
        key = (request.sample_id, request.action, request.seed)
        if key not in self.written:
            self.written[key] = self._describe(request)
        if not self.written[key]:
            raise SampleError("empty_description", "the VLLM generated no text")
        return self.written[key]

    def _describe(self, request: Request) -> str:
        vllm = self.embedder.vllm
        images = vllm.image_features([request.input])
        question = self.embedder.question.format(request.action)
        draw = generator_of(request.seed)
        (writing,) = vllm.describe([question], images, Sampling(), [draw])
        return one_line(vllm.text(writing))

    def sources(self, sample_ids: Iterable[str] | None = None) -> dict[str, str]:
        """For a manifest: a hash of the contents of the VLLM's files."""
        return {"vllm": self.embedder.digest}

    def sizes(self) -> dict[str, int]:
        """The sizes of a conditioner for these features, as far as the VLLM determines them."""
        own = {name for kind in self.kinds for name in (kind.width_name, kind.tokens_name)}
        return {name: size for name, size in sizes_of(self.embedder.weights).items() if name in own}


def open_features(
    options: FeatureOptions,
    kinds: tuple[FeatureKind, ...],
    models: Path,
    cache: Path | None,
    device: str,
) -> FeatureFolder | LiveFeatures | None:
    """The source of features of these `kinds`, as the options say; None if there are no kinds."""
    if options.features and options.vllm:
        raise BenchError("Give -o features=DIR or -o vllm=NAME, not both.")
    if options.vllm:
        weights = find_weights(options.vllm, models)
        dtypes = options.vllm_dtype, options.features_dtype
        embedder = Embedder(
            weights, device, *dtypes, options.question, cache, options.keep_features
        )
        return LiveFeatures(embedder, kinds)
    if not kinds:
        return None
    if options.features is None:
        wanted = " and ".join(f"DIR/{kind.name}/<sample_id>.npy" for kind in kinds)
        computed = ", or -o vllm=NAME to compute them as they are needed"
        raise BenchError(
            f"The conditioning needs features: give -o features=DIR with {wanted}, or the released "
            f"layout{computed if all(kind.computable for kind in kinds) else ''}."
        )
    return FeatureFolder(options.features, kinds)


def planned_sizes(
    options: FeatureOptions, conditioning: str, models: Path, split: Split | None = None
) -> dict[str, int]:
    """The sizes of a conditioner for these features, as far as they exist already."""
    kinds = kinds_of(conditioning)
    own = {name for kind in kinds for name in (kind.width_name, kind.tokens_name)}
    if options.vllm:
        found = sizes_of(find_weights(options.vllm, models))
        return {name: size for name, size in found.items() if name in own}
    if kinds and options.features is not None and options.features.is_dir():
        if isinstance(split, JointSplit):
            return SplitFeatures(options.features, split, kinds).sizes()
        return FeatureFolder(options.features, kinds).sizes()
    return {}
