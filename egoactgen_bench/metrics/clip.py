"""CLIP similarity of images."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.cosine import CosineMetric

Model = Literal["ViT-L-14", "ViT-B-16", "ViT-B-32"]


def files(model: Model) -> tuple[str, str]:
    """The names under which a model of OpenAI's is published."""
    return f"{model}.safetensors", f"{model}.pt"


WEIGHTS = files("ViT-L-14")


class ClipOptions(Options):
    model: Model = Field(default="ViT-L-14", description="which of OpenAI's networks")
    preprocessing: Literal["open_clip", "released", "released-antialias"] = Field(
        default="open_clip",
        description="open_clip's own, or squashed to a square by a bicubic resize of floats",
    )
    activation: Literal["quick_gelu", "gelu"] = Field(
        default="quick_gelu", description="OpenAI trained with QuickGELU"
    )


class Clip(CosineMetric[ClipOptions]):
    """CLIP similarity of the output and the target, by ViT-L/14."""

    name, label, position = "clip", "CLIP", 30
    Options = ClipOptions
    packages = ("open_clip_torch", "pillow", "torch")

    @classmethod
    def variants(cls) -> Mapping[str, ClipOptions]:
        return {"standard": ClipOptions(), "lego-release": ClipOptions(preprocessing="released")}

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return (files(self.options.model),)

    def extractor(self) -> Extractor:
        from egoactgen_bench.metrics.clip_network import ClipImages

        path = self.weight_path(*files(self.options.model))
        preprocessing, activation = self.options.preprocessing, self.options.activation
        return ClipImages(path, preprocessing, activation, self.context.device)
