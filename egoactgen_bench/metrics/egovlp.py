"""EgoVLP and EgoVLP+: similarity of clips made of still frames; the paper's primary metrics."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from egoactgen_bench.api.feature_metric import CosineMetric
from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.metric_deviations import Axes, Deviation
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.artifacts.manifests import EgoVLP as ClipLength

CHECKPOINTS: dict[ClipLength, tuple[str, int]] = {
    "4-frame": ("egovlp.pth", 4),
    "16-frame": ("epic_mir_plus.pth", 16),
}
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
PUBLISHED = (
    PublishedWeights(
        name="egovlp.pth",
        about="EgoVLP pretrained on EgoClip (EgoVLP_PT_BEST), for Ego4D",
        licence="MIT (showlab/EgoVLP)",
        size=2_200_000_000,
        url=f"{_DRIVE}1-cP3Gcg0NGDcMZalgJ_615BQdbFIbcj7",
    ),
    PublishedWeights(
        name="epic_mir_plus.pth",
        about="EgoVLP finetuned on EPIC-KITCHENS MIR (EgoVLP_FT_EPIC+), for EPIC-KITCHENS",
        licence="MIT (showlab/EgoVLP)",
        size=2_000_000_000,
        url=f"{_DRIVE}1-SOQeXc-xSn544sJzgFLhC95hkQsm0BR",
    ),
)
# The vocabulary and the sizes of EgoVLP's text tower.
DISTILBERT = PublishedWeights(
    name="distilbert-base-uncased",
    about="Vocabulary and sizes of EgoVLP's text tower",
    licence="Apache-2.0",
    repository="distilbert/distilbert-base-uncased",
    revision="12040accade4e8a0f71eabdb258fecc2e7e948be",
    files=("config.json", "vocab.txt"),
    size=231_991,
    file_hashes={
        "config.json": "69c94b0222d5d1f4b0ad027ca7416cdafb98378cbbb8305d0bf47c9365c60c83",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
)


class EgovlpOptions(Options):
    antialias: bool = Field(default=True, description="whether frames are resized with antialias")
    resize: Literal["lanczos", "released"] = Field(
        default="lanczos", description="how an output is resized to its target's size"
    )
    inflation: Literal["zeros", "bilinear"] = Field(
        default="zeros", description="how temporal embeddings are extended to longer clips"
    )
    clip_length: ClipLength = Field(
        default="4-frame",
        description="published checkpoint; the default depends on the data set",
    )


class Egovlp(CosineMetric[EgovlpOptions]):
    """EgoVLP similarity of the output and the target, each repeated as a static clip."""

    name, label, position = "egovlp", "EgoVLP", 10
    primary = True
    Options = EgovlpOptions
    packages = ("torch", "torchvision")
    published_weights = PUBLISHED
    shares_defaults_of = "egovlp"
    unsigned = frozenset({"clip_length"})

    @classmethod
    def variants(cls) -> Mapping[str, EgovlpOptions]:
        """The torchvision of the released code resized tensors without antialias."""
        released = EgovlpOptions(antialias=False, resize="released")
        return {"standard": EgovlpOptions(), "lego-release": released}

    @classmethod
    def known_deviations(cls) -> Axes:
        clips = {f"{clip} clip": Deviation(options={"clip_length": clip}) for clip in CHECKPOINTS}
        return {**super().known_deviations(), "clip_length": clips}

    def facts(self) -> Mapping[str, str]:
        return {"clip": self.options.clip_length, "crop": "centre"}

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((CHECKPOINTS[self.options.clip_length][0],),)

    def extractor(self) -> Extractor:
        from egoactgen_bench.metrics.egovlp_features import EgovlpClips

        name, frames = CHECKPOINTS[self.options.clip_length]
        return EgovlpClips(
            self.weight_path(name),
            frames,
            self.options.antialias,
            self.options.resize,
            self.options.inflation,
            self.context.device,
        )


class EgovlpPlus(Egovlp):
    """EgoVLP similarity of two clips: input then output, and input then target."""

    name, label, position = "egovlp_plus", "EgoVLP+", 20
    needs = frozenset({"input", "output", "target"})
    compared = (("input", "output"), ("input", "target"))
