"""Stable Diffusion and its relatives: InstructPix2Pix, and image-to-image with a strength.

They generate at the size of their input, and read lists as batches.
"""

from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe

AS_TRAINED = ByArea(None, multiple=8)

RECIPES = (
    CallRecipe(
        name="instruct-pix2pix",
        pipelines=(
            "StableDiffusionInstructPix2PixPipeline",
            "StableDiffusionXLInstructPix2PixPipeline",
        ),
        source="model card of timbrooks/instruct-pix2pix",
        size=AS_TRAINED,
        passes_size=False,
        resizes_frame=True,
        batches=True,
    ),
    CallRecipe(
        name="stable-diffusion-img2img",
        pipelines=("StableDiffusionImg2ImgPipeline",),
        saved_as=("StableDiffusionPipeline",),
        source="pipeline_stable_diffusion_img2img.py of diffusers 0.42",
        size=AS_TRAINED,
        passes_size=False,
        resizes_frame=True,
        batches=True,
    ),
    CallRecipe(
        name="stable-diffusion-xl-img2img",
        pipelines=("StableDiffusionXLImg2ImgPipeline",),
        saved_as=("StableDiffusionXLPipeline",),
        source="pipeline_stable_diffusion_xl_img2img.py of diffusers 0.42",
        size=AS_TRAINED,
        passes_size=False,
        resizes_frame=True,
        batches=True,
    ),
)
