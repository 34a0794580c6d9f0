"""Image-to-video models: one frame of the generated video is the image."""

from egoactgen_baselines.pipelines.call_recipe import CallRecipe

RECIPES: tuple[CallRecipe, ...] = ()
