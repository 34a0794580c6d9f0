"""Editors of FLUX.3, which exist as modular pipelines only.

A prompt upsampler, a vision-language model in the folder, first rewrites the prompt as a caption of
the target image. FLUX.3 keeps a frame's size and does not enlarge it, as FLUX.2.
"""

from dataclasses import replace

from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe

FLUX3 = CallRecipe(
    name="flux3",
    pipelines=("Flux3ModularPipeline",),
    source="modular_blocks_flux3.py of diffusers 0.42",
    defaults={"negative_prompt": "", "guidance_scale": 3.5, "num_inference_steps": 50},
    size=ByArea(1024 * 1024, multiple=16),
    resizes_frame=True,
    note=(
        "The folder's prompt upsampler rewrites the prompt; -o recipe=flux3-verbatim leaves this "
        "step out."
    ),
)
DISTILLED = replace(
    FLUX3,
    name="flux3-distilled",
    pipelines=("Flux3DistilledModularPipeline",),
    source="modular_blocks_flux3_distilled.py of diffusers 0.42",
    defaults={"num_inference_steps": 16},
    note="As flux3, without guidance; -o recipe=flux3-distilled-verbatim.",
)


def _verbatim(recipe: CallRecipe) -> CallRecipe:
    return replace(
        recipe,
        name=f"{recipe.name}-verbatim",
        leaves_out=("prompt_upsampler",),
        note="The prompt is not rewritten. By -o recipe only.",
    )


RECIPES = (FLUX3, _verbatim(FLUX3), DISTILLED, _verbatim(DISTILLED))
