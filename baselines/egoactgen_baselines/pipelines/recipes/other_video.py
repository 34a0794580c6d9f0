"""Image-to-video models of other families."""

from egoactgen_baselines.pipelines.call_recipe import Buckets, ByArea, CallRecipe, Video

MOTION_SCORE = 30  # as SANA-Video's examples ask for
SANA_NEGATIVE_PROMPT = (
    "A chaotic sequence with misshapen, deformed limbs in heavy motion blur, sudden disappearance, "
    "jump cuts, jerky movements, rapid shot changes, frames out of sync, inconsistent character "
    "shapes, temporal artifacts, jitter, and ghosting effects, creating a disorienting visual "
    "experience."
)


def _with_motion_score(text: str) -> str:
    return f"{text} motion score: {MOTION_SCORE}."


def _stable_video_diffusion(name: str, frames: int, **settings: int) -> CallRecipe:
    return CallRecipe(
        name=name,
        pipelines=("StableVideoDiffusionPipeline",),
        when={f"unet/{key}": value for key, value in settings.items()},
        source="pipeline_stable_video_diffusion.py of diffusers 0.42",
        prompted=False,
        defaults={"decode_chunk_size": 8},
        options={"guidance": "max_guidance_scale"},
        size=Buckets(((1024, 576),)),
        video=Video(frames=frames, rate=7, multiple=1, rest=0, rate_argument="fps"),
        note="It takes no text: the action has no effect.",
    )


def _sana(name: str, area: int, **settings: int) -> CallRecipe:
    return CallRecipe(
        name=name,
        pipelines=("SanaImageToVideoPipeline",),
        saved_as=("SanaVideoPipeline",),
        when={f"transformer/{key}": value for key, value in settings.items()},
        source="documentation of diffusers: SANA-Video",
        write_prompt=_with_motion_score,
        defaults={
            "negative_prompt": SANA_NEGATIVE_PROMPT,
            "guidance_scale": 6.0,
            # Some of its sizes are not the multiples of 32 that it requires.
            "use_resolution_binning": False,
        },
        size=ByArea(area, multiple=32),
        in_float32=("vae",),
        video=Video(frames=81, rate=16, frames_argument="frames"),
    )


def _kandinsky5(name: str, size: ByArea, **settings: str) -> CallRecipe:
    return CallRecipe(
        name=name,
        pipelines=("Kandinsky5I2VPipeline",),
        when={f"transformer/{key}": value for key, value in settings.items()},
        source="documentation of diffusers: Kandinsky 5.0",
        # Without a negative prompt, it uses its own.
        defaults={"guidance_scale": 5.0},
        size=size,
        # With fewer, it normalizes by frames that do not exist.
        video=Video(frames=121, rate=24, least=17),
    )


def _cogvideox(name: str, video: Video, size: ByArea | Buckets, **settings: None) -> CallRecipe:
    return CallRecipe(
        name=name,
        pipelines=("CogVideoXImageToVideoPipeline",),
        when={f"transformer/{key}": value for key, value in settings.items()},
        source="pipeline_cogvideox_image2video.py of diffusers 0.42",
        defaults={"guidance_scale": 6.0, "use_dynamic_cfg": True},
        size=size,
        video=video,
    )


RECIPES = (
    # 1.0 has learned positions of its one size: other frames are stretched, and the image back.
    _cogvideox(
        "cogvideox-i2v", Video(frames=49, rate=8), Buckets(((720, 480),)), patch_size_t=None
    ),
    _cogvideox("cogvideox-1.5-i2v", Video(frames=81, rate=16), ByArea(768 * 1360)),
    # Sparse attention works in blocks of 128 pixels. The other's positions are scaled for sides
    # between 480 and 854.
    _kandinsky5("kandinsky-5-i2v-pro", ByArea(896 * 896, multiple=128), attention_type="nabla"),
    _kandinsky5("kandinsky-5-i2v", ByArea(480 * 848)),
    CallRecipe(
        name="kandinsky-6-ti2va",
        pipelines=("Kandinsky6TI2VAPipeline",),
        source="pipeline_kandinsky6_ti2va.py of diffusers 0.42",
        defaults={"guidance_scale": 5.0, "sample_audio": False},
        size=ByArea(512 * 768),
        video=Video(frames=121, rate=24, rate_argument="frame_rate"),
    ),
    _sana("sana-video-720p", 704 * 1280, sample_size=22),
    _sana("sana-video", 480 * 832),
    CallRecipe(
        name="motif-video-i2v",
        pipelines=("MotifVideoImage2VideoPipeline",),
        saved_as=("MotifVideoPipeline",),
        source="documentation of diffusers: Motif-Video",
        # The guidance is in the folder's guider.
        defaults={"negative_prompt": "worst quality, blurry, jittery, distorted"},
        size=ByArea(736 * 1280),
        video=Video(frames=121, rate=24),
    ),
    _stable_video_diffusion("stable-video-diffusion-xt", 25, num_frames=25),
    _stable_video_diffusion("stable-video-diffusion", 14),
)
