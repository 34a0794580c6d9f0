"""Editors of Black Forest Labs: FLUX.1 Kontext and FLUX.2."""

from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe

# FLUX.2 shrinks an image above 1 MP, but does not enlarge one below, and generates at its size.
MEGAPIXEL = ByArea(1024 * 1024, multiple=16, at_most=True)

RECIPES = (
    CallRecipe(
        name="flux-kontext",
        pipelines=("FluxKontextPipeline", "FluxKontextModularPipeline"),
        source="model card of black-forest-labs/FLUX.1-Kontext-dev",
        # The pipeline would resize the frame to the nearest of 17 sizes, whatever it generates at.
        defaults={"guidance_scale": 2.5, "_auto_resize": False},
        size=ByArea(1024 * 1024, multiple=16, area_argument="max_area"),
        resizes_frame=True,
    ),
    CallRecipe(
        name="flux2",
        pipelines=("Flux2Pipeline", "Flux2ModularPipeline"),
        source="model card of black-forest-labs/FLUX.2-dev",
        defaults={"guidance_scale": 4.0, "num_inference_steps": 50},
        size=MEGAPIXEL,
        resizes_frame=True,
    ),
    CallRecipe(
        name="flux2-klein",
        pipelines=("Flux2KleinPipeline", "Flux2KleinModularPipeline"),
        when={"is_distilled": True},
        source="model cards of black-forest-labs/FLUX.2-klein-4B and -9B",
        defaults={"num_inference_steps": 4, "guidance_scale": 1.0},
        options={"guidance": None},  # has no effect
        size=MEGAPIXEL,
        resizes_frame=True,
    ),
    CallRecipe(
        name="flux2-klein-base",
        pipelines=("Flux2KleinPipeline", "Flux2KleinBaseModularPipeline"),
        source="model cards of black-forest-labs/FLUX.2-klein-base-4B and -9B",
        defaults={"guidance_scale": 4.0, "num_inference_steps": 50},
        size=MEGAPIXEL,
        resizes_frame=True,
    ),
    CallRecipe(
        name="flux2-klein-kv",
        pipelines=("Flux2KleinKVPipeline",),
        source="pipeline_flux2_klein_kv.py of diffusers 0.42",
        size=MEGAPIXEL,
        resizes_frame=True,
    ),
)
