"""The recipes of the families that the toolkit knows."""

from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_baselines.pipelines.recipes import (
    flux3_editing,
    flux_editing,
    image_editing,
    image_to_image,
    image_to_video,
    qwen_editing,
)

RECIPES: tuple[CallRecipe, ...] = (
    *image_to_image.RECIPES,
    *flux_editing.RECIPES,
    *flux3_editing.RECIPES,
    *qwen_editing.RECIPES,
    *image_editing.RECIPES,
    *image_to_video.RECIPES,
)
