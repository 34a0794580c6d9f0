"""EgoVLP and EgoVLP+: similarity of clips made of still frames, the paper's primary metrics."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.metric_deviations import Axes, Deviation
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.cosine import CosineMetric

# The split's manifest says which of the published checkpoints its videos call for.
CHECKPOINTS = {"4-frame": ("egovlp.pth", 4), "16-frame": ("epic_mir_plus.pth", 16)}


class EgovlpOptions(Options):
    antialias: bool = Field(default=True, description="whether frames are scaled with antialias")
    resize: Literal["lanczos", "released"] = Field(
        default="lanczos", description="how an output of another size than its target's is fitted"
    )
    inflation: Literal["zeros", "bilinear"] = Field(
        default="zeros", description="how temporal embeddings of a shorter clip are prolonged"
    )


class Egovlp(CosineMetric[EgovlpOptions]):
    """EgoVLP similarity of the output and the target, each held as a static clip."""

    name, label, position = "egovlp", "EgoVLP", 10
    primary = True
    Options = EgovlpOptions
    packages = ("torch", "torchvision")

    @classmethod
    def variants(cls) -> Mapping[str, EgovlpOptions]:
        """The released code's torchvision scaled tensors without antialias."""
        released = EgovlpOptions(antialias=False, resize="released")
        return {"standard": EgovlpOptions(), "lego-release": released}

    @classmethod
    def known_deviations(cls) -> Axes:
        clips = {f"{clip} clip": Deviation(context={"egovlp": clip}) for clip in CHECKPOINTS}
        return {"clip": clips, **super().known_deviations()}

    def facts(self) -> Mapping[str, str]:
        return {"clip": self.context.egovlp, "crop": "centre"}

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((CHECKPOINTS[self.context.egovlp][0],),)

    def extractor(self) -> Extractor:
        from egoactgen_bench.metrics.egovlp_features import EgovlpClips

        name, frames = CHECKPOINTS[self.context.egovlp]
        return EgovlpClips(
            self.weight_path(name),
            frames,
            self.options.antialias,
            self.options.resize,
            self.options.inflation,
            self.context.device,
        )


class EgovlpPlus(Egovlp):
    """EgoVLP similarity of clips whose first half is the input, second the output or target."""

    name, label, position = "egovlp_plus", "EgoVLP+", 20
    needs = frozenset({"input", "output", "target"})
    compared = (("input", "output"), ("input", "target"))
