"""Image-to-video models with the architecture of Wan, and editors that are based on them."""

from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe, Video

# As in Wan's own examples.
NEGATIVE_PROMPT = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, "
    "images, static, overall gray, worst quality, low quality, JPEG compression residue, ugly, "
    "incomplete, extra fingers, poorly drawn hands, poorly drawn faces, deformed, disfigured, "
    "misshapen limbs, fused fingers, still picture, messy background, three legs, many people in "
    "the background, walking backwards"
)
AT_480P, AT_720P = ByArea(480 * 832), ByArea(720 * 1280)
FIVE_SECONDS = Video(frames=81, rate=16)
EXACT = ("vae", "image_encoder")  # in float32, as in all examples

WAN = (
    CallRecipe(
        name="wan-2.2-ti2v",
        pipelines=("WanImageToVideoPipeline",),
        saved_as=("WanPipeline",),
        when={"expand_timesteps": True},
        source="model card of Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        defaults={"negative_prompt": NEGATIVE_PROMPT, "guidance_scale": 5.0},
        size=ByArea(704 * 1280, multiple=32),
        in_float32=EXACT,
        video=Video(frames=121, rate=24),
        note="Published as WanPipeline; it takes an image all the same.",
    ),
    CallRecipe(
        name="wan-2.1-i2v",
        pipelines=("WanImageToVideoPipeline",),
        # A boundary is that of two experts (2.2), positions are for a last frame as well (FLF2V).
        when={"boundary_ratio": None, "transformer/pos_embed_seq_len": None},
        source="model card of Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
        defaults={"negative_prompt": NEGATIVE_PROMPT, "guidance_scale": 5.0},
        size=AT_480P,
        in_float32=EXACT,
        video=FIVE_SECONDS,
        note="For the 720P weights, pass -o resolution=960.",
    ),
    CallRecipe(
        name="wan-2.2-i2v",
        pipelines=("WanImageToVideoPipeline",),
        when={"transformer/pos_embed_seq_len": None},
        source="model card of Wan-AI/Wan2.2-I2V-A14B-Diffusers",
        defaults={
            "negative_prompt": NEGATIVE_PROMPT,
            "guidance_scale": 3.5,
            "num_inference_steps": 40,
        },
        size=AT_480P,
        in_float32=EXACT,
        video=FIVE_SECONDS,
        note="For 720P, pass -o resolution=960.",
    ),
)

SKYREELS_V2 = (
    CallRecipe(
        name="skyreels-v2-i2v",
        pipelines=("SkyReelsV2ImageToVideoPipeline",),
        source="pipeline_skyreels_v2_i2v.py of diffusers 0.42",
        defaults={"guidance_scale": 5.0},
        size=ByArea(544 * 960),
        in_float32=EXACT,
        video=Video(frames=97, rate=24),
        note="For the 720P weights, pass -o resolution=960 -o num_frames=121.",
    ),
    CallRecipe(
        name="skyreels-v2-df",
        pipelines=("SkyReelsV2DiffusionForcingImageToVideoPipeline",),
        saved_as=("SkyReelsV2DiffusionForcingPipeline",),
        source="pipeline_skyreels_v2_diffusion_forcing_i2v.py of diffusers 0.42",
        defaults={"guidance_scale": 5.0, "addnoise_condition": 20},
        size=ByArea(544 * 960),
        in_float32=EXACT,
        video=Video(frames=97, rate=24),
        note="More than 97 frames need -o arguments='{\"overlap_history\": 17}'.",
    ),
)

HELIOS_DEFAULTS = {"negative_prompt": NEGATIVE_PROMPT, "guidance_scale": 5.0}
HALVED_TWICE = ByArea(384 * 640, multiple=64)  # by the pyramid
# Chunks of 33 frames; of all, a multiple of 4 plus 1.
HELIOS_VIDEO = Video(
    frames=99, rate=24, multiple=33, rest=0, length=lambda count: (count - 1) // 4 * 4 + 1
)

HELIOS = (
    CallRecipe(
        name="helios",
        pipelines=("HeliosPipeline",),
        source="documentation of diffusers: Helios-Base",
        defaults=HELIOS_DEFAULTS,
        size=ByArea(384 * 640),
        in_float32=EXACT,
        draws_on_device=True,
        video=HELIOS_VIDEO,
    ),
    CallRecipe(
        name="helios-distilled",
        pipelines=("HeliosPyramidPipeline",),
        when={"is_distilled": True},
        source="documentation of diffusers: Helios-Distilled",
        defaults={
            "guidance_scale": 1.0,
            "pyramid_num_inference_steps_list": [2, 2, 2],
            "is_amplify_first_chunk": True,
        },
        size=HALVED_TWICE,
        in_float32=EXACT,
        draws_on_device=True,
        video=HELIOS_VIDEO,
        note="Distilled: it needs no guidance.",
    ),
    CallRecipe(
        name="helios-pyramid",
        pipelines=("HeliosPyramidPipeline",),
        source="documentation of diffusers: Helios-Mid",
        defaults=HELIOS_DEFAULTS
        | {
            "pyramid_num_inference_steps_list": [20, 20, 20],
            "use_zero_init": True,
            "zero_steps": 1,
        },
        size=HALVED_TWICE,
        in_float32=EXACT,
        draws_on_device=True,
        video=HELIOS_VIDEO,
    ),
)

EDITORS = (
    CallRecipe(
        name="chronoedit",
        pipelines=("ChronoEditPipeline",),
        source="model card of nvidia/ChronoEdit-14B-Diffusers",
        defaults={"guidance_scale": 5.0},
        # Without temporal reasoning it makes 5 frames whatever num_frames is.
        options={"num_frames": None},
        size=AT_720P,
        in_float32=EXACT,
        video=Video(frames=5, rate=16),
        note=(
            "An image editor: the last frame is the edited image. Temporal reasoning: -o "
            "recipe=chronoedit-reasoning."
        ),
    ),
    CallRecipe(
        name="chronoedit-reasoning",
        pipelines=("ChronoEditPipeline",),
        source="model card of nvidia/ChronoEdit-14B-Diffusers",
        defaults={
            "guidance_scale": 5.0,
            "enable_temporal_reasoning": True,
            "num_temporal_reasoning_steps": 50,
        },
        size=AT_720P,
        in_float32=EXACT,
        video=Video(frames=29, rate=16),
        note="By -o recipe=chronoedit-reasoning only.",
    ),
    CallRecipe(
        name="lucy-edit",
        pipelines=("LucyEditPipeline",),
        source="model card of decart-ai/Lucy-Edit-Dev",
        image="video",
        image_form="still",
        defaults={"negative_prompt": "", "guidance_scale": 5.0},
        size=AT_480P,
        in_float32=EXACT,
        video=FIVE_SECONDS,
        note="It edits videos: it is given one of equal frames.",
    ),
)

RECIPES: tuple[CallRecipe, ...] = (*WAN, *SKYREELS_V2, *HELIOS, *EDITORS)
