"""Tiny random pipelines with the architecture of Wan: `BUILDERS[name]()` gives one to save."""

from diffusers import (
    ChronoEditPipeline,
    ChronoEditTransformer3DModel,
    HeliosDMDScheduler,
    HeliosPipeline,
    HeliosPyramidPipeline,
    HeliosScheduler,
    HeliosTransformer3DModel,
    LucyEditPipeline,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2ImageToVideoPipeline,
    SkyReelsV2Transformer3DModel,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)

from tiny_qwen import seeded
from tiny_tokenizers import t5_tokenizer
from tiny_video_parts import (
    TEXT,
    VISION,
    clip_processor,
    clip_vision,
    euler,
    umt5_encoder,
    unipc,
    wan_autoencoder,
)

GAMMA = 0.3  # with its 1/3, a matrix is singular on some CPUs


def _transformer(kind=WanTransformer3DModel, in_channels=36, **changed):
    small = {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": in_channels,
        "out_channels": 16,
        "text_dim": TEXT,
        "freq_dim": 32,
        "ffn_dim": 32,
        "num_layers": 1,
    }
    return kind(**(small | changed)).eval()


def _parts(scheduler=None):
    return {
        "vae": wan_autoencoder(),
        "text_encoder": umt5_encoder(),
        "tokenizer": t5_tokenizer(),
        "scheduler": scheduler or euler(),
    }


def _seen(projected=False):
    return {"image_encoder": clip_vision(projected), "image_processor": clip_processor()}


def wan_2_1(**changed):
    transformer = _transformer(image_dim=VISION, **changed)
    return WanImageToVideoPipeline(**_parts(), **_seen(), transformer=transformer)


def wan_first_and_last():
    return wan_2_1(pos_embed_seq_len=2 * 17)


def wan_2_2():
    return WanImageToVideoPipeline(
        **_parts(), transformer=_transformer(), transformer_2=_transformer(), boundary_ratio=0.9
    )


def wan_ti2v():
    """Published as WanPipeline, with an autoencoder that scales by 16."""
    parts = _parts() | {
        "vae": wan_autoencoder(
            z_dim=48,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            is_residual=True,
            scale_factor_spatial=16,
            latents_mean=[0.0] * 48,
            latents_std=[1.0] * 48,
        )
    }
    transformer = _transformer(in_channels=48, out_channels=48)
    return WanPipeline(**parts, transformer=transformer, expand_timesteps=True)


def wan_text_to_video():
    return WanPipeline(**_parts(), transformer=_transformer(in_channels=16))


def chronoedit():
    transformer = _transformer(ChronoEditTransformer3DModel, image_dim=VISION)
    return ChronoEditPipeline(**_parts(unipc()), **_seen(), transformer=transformer)


def lucy_edit():
    return LucyEditPipeline(**_parts(), transformer=_transformer(in_channels=32))


def skyreels():
    transformer = _transformer(SkyReelsV2Transformer3DModel, image_dim=VISION)
    return SkyReelsV2ImageToVideoPipeline(
        **_parts(unipc()), **_seen(projected=True), transformer=transformer
    )


def skyreels_forcing():
    """Published as a text-to-video pipeline."""
    transformer = _transformer(SkyReelsV2Transformer3DModel, in_channels=16)
    return SkyReelsV2DiffusionForcingPipeline(**_parts(unipc()), transformer=transformer)


def _helios(kind, scheduler, **settings):
    transformer = _transformer(
        HeliosTransformer3DModel,
        in_channels=16,
        rope_dim=(4, 4, 4),
        has_multi_term_memory_patch=True,
        guidance_cross_attn=True,
        zero_history_timestep=True,
        is_amplify_history=False,
    )
    return kind(**_parts(scheduler), transformer=transformer, **settings)


def helios():
    scheduler = HeliosScheduler(stage_range=[0, 1], stages=1, use_dynamic_shifting=True)
    return _helios(HeliosPipeline, scheduler)


def helios_pyramid():
    return _helios(HeliosPyramidPipeline, HeliosScheduler(gamma=GAMMA), is_cfg_zero_star=True)


def helios_distilled():
    return _helios(HeliosPyramidPipeline, HeliosDMDScheduler(gamma=GAMMA), is_distilled=True)


BUILDERS = {
    name: seeded(build)
    for name, build in {
        "Wan 2.1": wan_2_1,
        "Wan 2.1 FLF2V": wan_first_and_last,
        "Wan 2.2": wan_2_2,
        "Wan 2.2 TI2V": wan_ti2v,
        "Wan T2V": wan_text_to_video,
        "ChronoEditPipeline": chronoedit,
        "LucyEditPipeline": lucy_edit,
        "SkyReelsV2ImageToVideoPipeline": skyreels,
        "SkyReelsV2DiffusionForcingPipeline": skyreels_forcing,
        "HeliosPipeline": helios,
        "HeliosPyramidPipeline": helios_pyramid,
        "Helios distilled": helios_distilled,
    }.items()
}
