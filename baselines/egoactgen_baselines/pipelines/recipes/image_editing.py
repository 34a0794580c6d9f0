"""Editors that take an image and an instruction."""

from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe

RECIPES = (
    CallRecipe(
        name="flux-kontext",
        pipelines=("FluxKontextPipeline",),
        source="model card of black-forest-labs/FLUX.1-Kontext-dev",
        defaults={"guidance_scale": 2.5},
        # The pipeline resizes the frame to the nearest of its own 17 sizes, and generates at
        # height × width, scaled to max_area.
        size=ByArea(1024 * 1024, multiple=16, area_argument="max_area"),
    ),
)
