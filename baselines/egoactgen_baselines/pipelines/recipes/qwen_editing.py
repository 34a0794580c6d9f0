"""Editors of Qwen-Image. They read a list of images as those of one call."""

from egoactgen_baselines.pipelines.call_recipe import ByArea, ByPipeline, CallRecipe

# The pipelines resize the frame to about 1 MP themselves. They guide only with a negative prompt.
GUIDED = {"negative_prompt": " ", "true_cfg_scale": 4.0}
NO_DISTILLED_GUIDANCE = {"guidance": None}  # guidance_scale has no effect on the published weights
SIZE = ByArea(1024 * 1024, multiple=32)

RECIPES = (
    CallRecipe(
        name="qwen-image-edit",
        pipelines=("QwenImageEditPipeline", "QwenImageEditModularPipeline"),
        guider="true_cfg_scale",
        source="model card of Qwen/Qwen-Image-Edit",
        defaults=GUIDED,
        options=NO_DISTILLED_GUIDANCE,
        size=SIZE,
    ),
    CallRecipe(
        name="qwen-image-edit-plus",
        pipelines=("QwenImageEditPlusPipeline", "QwenImageEditPlusModularPipeline"),
        guider="true_cfg_scale",
        source="model cards of Qwen/Qwen-Image-Edit-2509 and -2511",
        defaults={"num_inference_steps": 40, **GUIDED},
        options=NO_DISTILLED_GUIDANCE,
        size=SIZE,
    ),
    CallRecipe(
        name="qwen-image-2.1",
        pipelines=(
            "QwenImage21Pipeline",
            "QwenImage21ModularPipeline",
            "QwenImage21TurboModularPipeline",
        ),
        guider="true_cfg_scale",
        source="pipeline_qwenimage21.py of diffusers 0.42",
        defaults={"negative_prompt": " "},  # true_cfg_scale is 1: for -o true_guidance alone
        size=ByPipeline("output_resolution"),
        note=(
            "Near-copies of the input are reported at its default of 1024² pixels "
            "(diffusers#14824): compare with -o resolution=768."
        ),
    ),
)
