"""HunyuanVideo and models that are based on it."""

from egoactgen_baselines.pipelines.call_recipe import ByArea, ByPipeline, CallRecipe, Video

AT_720P = ByArea(720 * 1280)
FIVE_SECONDS = Video(frames=129, rate=24)

RECIPES = (
    CallRecipe(
        name="hunyuan-video-i2v",
        pipelines=("HunyuanVideoImageToVideoPipeline",),
        when={"transformer/image_condition_type": "token_replace"},
        source="model card of hunyuanvideo-community/HunyuanVideo-I2V",
        defaults={"guidance_scale": 6.0},  # distilled: an input of the network
        size=AT_720P,
        video=FIVE_SECONDS,
    ),
    CallRecipe(
        name="hunyuan-video-i2v-33ch",
        pipelines=("HunyuanVideoImageToVideoPipeline",),
        source="model card of hunyuanvideo-community/HunyuanVideo-I2V-33ch",
        defaults={"guidance_scale": 1.0, "true_cfg_scale": 1.0},
        size=AT_720P,
        video=FIVE_SECONDS,
        note="Its authors use no guidance.",
    ),
    CallRecipe(
        name="hunyuan-skyreels-i2v",
        pipelines=("HunyuanSkyreelsImageToVideoPipeline",),
        source="pipeline_hunyuan_skyreels_image2video.py of diffusers 0.42",
        # Without a negative prompt, true_cfg_scale has no effect.
        defaults={
            "negative_prompt": (
                "Aerial view, aerial view, overexposed, low quality, deformation, a poor "
                "composition, bad hands, bad teeth, bad eyes, bad limbs, distortion"
            ),
            "true_cfg_scale": 6.0,
            "guidance_scale": 1.0,
            "num_inference_steps": 30,
        },
        size=ByArea(544 * 960),
        video=Video(frames=97, rate=24),
    ),
    CallRecipe(
        name="framepack",
        pipelines=("HunyuanVideoFramepackPipeline",),
        source="pipeline_hunyuan_video_framepack.py of diffusers 0.42",
        defaults={"guidance_scale": 9.0, "num_inference_steps": 30},
        size=ByArea(480 * 832),
        # Sections of 33 frames that overlap with the next, after the input frame.
        video=Video(
            frames=99, rate=30, multiple=33, rest=0, length=lambda count: count // 33 * 36 + 1
        ),
    ),
    CallRecipe(
        name="hunyuan-video-1.5-i2v",
        pipelines=("HunyuanVideo15ImageToVideoPipeline",),
        source="model card of hunyuanvideo-community/HunyuanVideo-1.5-480p_i2v",
        # Sizes near the area it was trained at; the guidance is in the folder's guider.
        size=ByPipeline(),
        video=Video(frames=121, rate=24),
    ),
)
