"""InstructPix2Pix, and text-to-image models that start from the frame with a strength.

They read lists as batches. A folder of a text-to-image pipeline is loaded as its image-to-image
class.
"""

from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe

AS_TRAINED = ByArea(None, multiple=8)

RECIPES = (
    CallRecipe(
        name="instruct-pix2pix",
        pipelines=("StableDiffusionInstructPix2PixPipeline",),
        source="model card of timbrooks/instruct-pix2pix",
        size=AS_TRAINED,
        passes_size=False,  # generates at the size of its input
        resizes_frame=True,
        batches=True,
    ),
    CallRecipe(
        name="instruct-pix2pix-xl",
        pipelines=("StableDiffusionXLInstructPix2PixPipeline",),
        source="pipeline_stable_diffusion_xl_instruct_pix2pix.py of diffusers 0.42",
        defaults={"guidance_scale": 3.0, "num_inference_steps": 30},
        size=AS_TRAINED,
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
    CallRecipe(
        name="stable-diffusion-3-img2img",
        pipelines=("StableDiffusion3Img2ImgPipeline",),
        saved_as=("StableDiffusion3Pipeline",),
        source="pipeline_stable_diffusion_3_img2img.py of diffusers 0.42",
        size=ByArea(None, multiple=16),
        batches=True,
    ),
    CallRecipe(
        name="flux-schnell-img2img",
        pipelines=("FluxImg2ImgPipeline", "FluxModularPipeline"),
        saved_as=("FluxPipeline",),
        when={"transformer/guidance_embeds": False},
        source="model card of black-forest-labs/FLUX.1-schnell",
        defaults={"num_inference_steps": 4, "guidance_scale": 0.0},
        options={"guidance": None},  # has no effect
        size=ByArea(1024 * 1024, multiple=16),
        batches=True,
    ),
    CallRecipe(
        name="flux-img2img",
        pipelines=("FluxImg2ImgPipeline", "FluxModularPipeline"),
        saved_as=("FluxPipeline",),
        source="model card of black-forest-labs/FLUX.1-dev",
        defaults={"guidance_scale": 3.5},
        size=ByArea(1024 * 1024, multiple=16),
        batches=True,
    ),
    CallRecipe(
        name="qwen-image-img2img",
        pipelines=("QwenImageImg2ImgPipeline",),
        saved_as=("QwenImagePipeline",),
        source="pipeline_qwenimage_img2img.py of diffusers 0.42",
        # It guides only with a negative prompt.
        defaults={"negative_prompt": " ", "true_cfg_scale": 4.0},
        options={"guidance": None},  # has no effect
        size=ByArea(1024 * 1024, multiple=16),
        batches=True,
    ),
    CallRecipe(
        name="z-image-img2img",
        pipelines=("ZImageImg2ImgPipeline",),
        saved_as=("ZImagePipeline",),
        source="pipeline_z_image_img2img.py of diffusers 0.42",
        size=ByArea(1024 * 1024, multiple=16),
        resizes_frame=True,  # the pipeline does not resize it to height × width
        batches=True,
        note="Z-Image-Turbo: -o steps=8 -o guidance=0.",
    ),
)
