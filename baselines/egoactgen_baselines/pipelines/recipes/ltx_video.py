"""LTX-Video and LTX-2."""

from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe, Video

NEGATIVE_PROMPT = "worst quality, inconsistent motion, blurry, jittery, distorted"
# Of the decoders that take a timestep (from 0.9.1 on); others ignore it.
DECODER = {"decode_timestep": 0.05, "decode_noise_scale": 0.025}
SIZE = ByArea(512 * 704, multiple=32)
VIDEO = Video(frames=161, rate=25, multiple=8, rate_argument="frame_rate")
DISTILLED = "For distilled weights, pass -o guidance=1 -o steps=8."

RECIPES = (
    CallRecipe(
        name="ltx-i2v",
        pipelines=("LTXImageToVideoPipeline", "LTXModularPipeline"),
        saved_as=("LTXPipeline",),
        source="documentation of diffusers: LTX-Video",
        defaults={"negative_prompt": NEGATIVE_PROMPT, **DECODER},
        draws_on_device=True,
        size=SIZE,
        video=VIDEO,
        note=DISTILLED,
    ),
    CallRecipe(
        name="ltx-condition",
        pipelines=("LTXConditionPipeline",),
        source="documentation of diffusers: LTX-Video 0.9.7",
        defaults={
            "negative_prompt": NEGATIVE_PROMPT,
            "guidance_scale": 5.0,
            "guidance_rescale": 0.7,
            "image_cond_noise_scale": 0.0,
            **DECODER,
        },
        options={"strength": None},  # that of the condition, which is the first frame
        size=SIZE,
        video=VIDEO,
        note=DISTILLED,
    ),
    CallRecipe(
        name="ltx-2-i2v",
        pipelines=("LTX2ImageToVideoPipeline",),
        saved_as=("LTX2Pipeline", "LTX2ConditionPipeline"),
        source="documentation of diffusers: LTX-2",
        defaults={"negative_prompt": NEGATIVE_PROMPT},
        size=ByArea(512 * 768, multiple=32),
        video=Video(frames=121, rate=24, multiple=8, rate_argument="frame_rate"),
        note=(
            "The first of its two stages, at 512 × 768; it also generates sound, which is dropped."
        ),
    ),
)
