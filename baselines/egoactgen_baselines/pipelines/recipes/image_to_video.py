"""Image-to-video models: one frame of the generated video is the image."""

from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_baselines.pipelines.recipes import (
    cosmos_video,
    hunyuan_video,
    ltx_video,
    modular_video,
    other_video,
    wan_video,
)

RECIPES: tuple[CallRecipe, ...] = (
    *wan_video.RECIPES,
    *modular_video.RECIPES,
    *ltx_video.RECIPES,
    *hunyuan_video.RECIPES,
    *cosmos_video.RECIPES,
    *other_video.RECIPES,
)
