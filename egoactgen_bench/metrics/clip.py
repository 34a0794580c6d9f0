"""CLIP similarity of two images."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from egoactgen_bench.api.feature_metric import CosineMetric
from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights

Model = Literal["ViT-L-14", "ViT-B-16", "ViT-B-32"]


def files(model: Model) -> tuple[str, str]:
    """The file names under which one of OpenAI's models is published."""
    return f"{model}.safetensors", f"{model}.pt"


PUBLISHED: dict[Model, PublishedWeights] = {
    "ViT-L-14": PublishedWeights(
        name=files("ViT-L-14")[0],
        about="OpenAI CLIP ViT-L/14, both towers, open_clip's names",
        licence="MIT (OpenAI CLIP)",
        repository="timm/vit_large_patch14_clip_224.openai",
        revision="18d0535469bb561bf468d76c1d73aa35156c922b",
        file="open_clip_model.safetensors",
        size=1_710_517_724,
        sha256="9ce2e8a8ebfff3793d7d375ad6d3c35cb9aebf3de7ace0fc7308accab7cd207e",
    ),
    "ViT-B-16": PublishedWeights(
        name=files("ViT-B-16")[0],
        about="OpenAI CLIP ViT-B/16, to compare with numbers computed by it",
        licence="MIT (OpenAI CLIP)",
        repository="timm/vit_base_patch16_clip_224.openai",
        revision="977e3dd0ec55ab8da155f2fbeb6b5f54948b6e3d",
        file="open_clip_model.safetensors",
        size=598_516_980,
        sha256="4b8699299b1e8997753c64b052ba32031449d5d853f55a039148560ee02b820f",
    ),
    "ViT-B-32": PublishedWeights(
        name=files("ViT-B-32")[0],
        about="OpenAI CLIP ViT-B/32, to compare with numbers computed by it",
        licence="MIT (OpenAI CLIP)",
        repository="timm/vit_base_patch32_clip_224.openai",
        revision="a6f597a30f7b82c51704746581f9a4e41421e878",
        file="open_clip_model.safetensors",
        size=605_143_284,
        sha256="e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31",
    ),
}
WEIGHTS = files("ViT-L-14")


class ClipOptions(Options):
    model: Model = Field(default="ViT-L-14", description="OpenAI's network")
    preprocessing: Literal["open_clip", "released", "released-antialias"] = Field(
        default="open_clip",
        description="open_clip's, or squashing to a square by a bicubic resize of floats",
    )
    activation: Literal["quick_gelu", "gelu"] = Field(
        default="quick_gelu", description="activation; OpenAI trained with QuickGELU"
    )


class Clip(CosineMetric[ClipOptions]):
    """CLIP ViT-L/14 similarity of the output and the target."""

    name, label, position = "clip", "CLIP", 30
    Options = ClipOptions
    packages = ("open_clip_torch", "pillow", "torch")
    published_weights = tuple(PUBLISHED.values())

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
