"""Modular pipelines of Wan, whose call differs from that of its other pipelines."""

from dataclasses import replace

from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_baselines.pipelines.recipes import wan_video

FAMILIES = {recipe.name: recipe for recipe in wan_video.RECIPES}


def _modular(family: str, pipeline: str) -> CallRecipe:
    recipe = FAMILIES[family]
    # They generate at the frame's own aspect, with its sides rounded down.
    return replace(
        recipe, name=f"{family}-modular", pipelines=(pipeline,), saved_as=(), resizes_frame=True
    )


RECIPES = (
    _modular("wan-2.1-i2v", "WanImage2VideoModularPipeline"),
    _modular("wan-2.2-i2v", "Wan22Image2VideoModularPipeline"),
)
