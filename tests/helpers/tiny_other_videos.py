"""Tiny random image-to-video pipelines of other families: `BUILDERS[name]()` gives one to save."""

from diffusers import (
    AdaptiveProjectedGuidance,
    AutoencoderKLCogVideoX,
    AutoencoderKLTemporalDecoder,
    CogVideoXDDIMScheduler,
    CogVideoXImageToVideoPipeline,
    CogVideoXTransformer3DModel,
    EulerDiscreteScheduler,
    Kandinsky5I2VPipeline,
    Kandinsky5Transformer3DModel,
    Kandinsky6TI2VAPipeline,
    Kandinsky6Transformer3DModel,
    MotifVideoImage2VideoPipeline,
    MotifVideoTransformer3DModel,
    SanaVideoPipeline,
    SanaVideoTransformer3DModel,
    StableVideoDiffusionPipeline,
    UNetSpatioTemporalConditionModel,
)
from transformers import (
    Gemma2Config,
    Gemma2Model,
    SiglipVisionConfig,
    T5Gemma2Encoder,
    T5Gemma2EncoderConfig,
    T5Gemma2TextConfig,
)

from tiny_image_editors import TEXT, clip_text_model, t5_encoder
from tiny_qwen import qwen2_5_vl, seeded
from tiny_tokenizers import clip_tokenizer, qwen2_tokenizer, t5_tokenizer
from tiny_video_parts import (
    SIDE,
    VISION,
    clip_processor,
    clip_vision,
    euler,
    hunyuan_autoencoder,
    siglip_processor,
    wan_autoencoder,
)


def _cogvideox(**changed):
    small = {
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "in_channels": 8,
        "out_channels": 4,
        "time_embed_dim": 2,
        "text_embed_dim": TEXT,
        "num_layers": 1,
        "use_rotary_positional_embeddings": True,
    }
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
    )
    return CogVideoXImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5_encoder(),
        vae=vae.eval(),
        transformer=CogVideoXTransformer3DModel(**(small | changed)).eval(),
        scheduler=CogVideoXDDIMScheduler(),
    )


def cogvideox_1_0():
    """With learned positions of its one size: here 112 × 64, 720 × 480 as published."""
    size = {"sample_width": 14, "sample_height": 8, "sample_frames": 5}
    return _cogvideox(use_learned_positional_embeddings=True, **size)


def cogvideox_1_5():
    return _cogvideox(
        patch_size_t=2, ofs_embed_dim=2, patch_bias=False, sample_height=300, sample_width=300
    )


def _kandinsky_text():
    text_encoder, _, processor = qwen2_5_vl()
    return {
        "text_encoder": text_encoder,
        "tokenizer": processor,
        "text_encoder_2": clip_text_model(),
        "tokenizer_2": clip_tokenizer(),
    }


def _kandinsky_transformer(kind, **changed):
    small = {
        "in_visual_dim": 4,
        "out_visual_dim": 4,
        "in_text_dim": TEXT,
        "in_text_dim2": TEXT,
        "time_dim": 16,
        "patch_size": (1, 2, 2),
        "model_dim": 24,
        "ff_dim": 24,
        "num_text_blocks": 1,
        "num_visual_blocks": 1,
        "axes_dims": (4, 4, 4),
        "visual_cond": True,
    }
    return kind(**(small | changed)).eval()


def kandinsky_5(attention_type="regular"):
    transformer = _kandinsky_transformer(
        Kandinsky5Transformer3DModel, attention_type=attention_type
    )
    vae = hunyuan_autoencoder()
    return Kandinsky5I2VPipeline(
        **_kandinsky_text(), vae=vae, transformer=transformer, scheduler=euler()
    )


def kandinsky_5_pro():
    return kandinsky_5("nabla")


def kandinsky_6():
    transformer = _kandinsky_transformer(
        Kandinsky6Transformer3DModel, visual_token_type_num_embeddings=2
    )
    vae = hunyuan_autoencoder()
    return Kandinsky6TI2VAPipeline(
        **_kandinsky_text(), vae=vae, transformer=transformer, scheduler=euler()
    )


def sana_video(sample_size=30):
    """Published as a text-to-video pipeline."""
    config = Gemma2Config(
        head_dim=16,
        hidden_size=8,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=1,
        num_key_value_heads=2,
        vocab_size=300,
        pad_token_id=0,
    )
    transformer = SanaVideoTransformer3DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=8,
        sample_size=sample_size,
        rope_max_seq_len=64,
    )
    return SanaVideoPipeline(
        tokenizer=qwen2_tokenizer(),
        text_encoder=Gemma2Model(config).eval(),
        vae=wan_autoencoder(),
        transformer=transformer.eval(),
        scheduler=euler(),
    )


def sana_video_720p():
    return sana_video(sample_size=22)


def motif_video():
    text = T5Gemma2TextConfig(
        vocab_size=300,
        hidden_size=TEXT,
        intermediate_size=37,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        dropout_rate=0.0,
    )
    vision = SiglipVisionConfig(
        hidden_size=VISION,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=8,
    )
    transformer = MotifVideoTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=1,
        num_single_layers=1,
        text_embed_dim=TEXT,
        image_embed_dim=VISION,
        rope_axes_dim=(4, 4, 4),
    )
    config = T5Gemma2EncoderConfig(text_config=text, vision_config=vision)
    return MotifVideoImage2VideoPipeline(
        scheduler=euler(),
        vae=wan_autoencoder(),
        text_encoder=T5Gemma2Encoder(config).eval(),
        tokenizer=t5_tokenizer(),
        transformer=transformer.eval(),
        guider=AdaptiveProjectedGuidance(),
        feature_extractor=siglip_processor(),
    )


def stable_video_diffusion(frames=14):
    unet = UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=VISION,
        num_attention_heads=2,
        projection_class_embeddings_input_dim=24,
        addition_time_embed_dim=8,
        num_frames=frames,
    )
    vae = AutoencoderKLTemporalDecoder(
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=1,
    )
    return StableVideoDiffusionPipeline(
        vae=vae.eval(),
        image_encoder=clip_vision(projected=True, side=224, patch=56),
        unet=unet.eval(),
        scheduler=EulerDiscreteScheduler(
            prediction_type="v_prediction", timestep_type="continuous", sigma_max=700.0,
            sigma_min=0.002, use_karras_sigmas=True, interpolation_type="linear",
        ),
        feature_extractor=clip_processor(224),
    )  # fmt: skip


def stable_video_diffusion_xt():
    return stable_video_diffusion(25)


BUILDERS = {
    name: seeded(build)
    for name, build in {
        "CogVideoX 1.0": cogvideox_1_0,
        "CogVideoX 1.5": cogvideox_1_5,
        "Kandinsky5I2VPipeline": kandinsky_5,
        "Kandinsky 5 Pro": kandinsky_5_pro,
        "Kandinsky6TI2VAPipeline": kandinsky_6,
        "SanaVideoPipeline": sana_video,
        "SANA-Video 720p": sana_video_720p,
        "MotifVideoImage2VideoPipeline": motif_video,
        "StableVideoDiffusionPipeline": stable_video_diffusion,
        "SVD-XT": stable_video_diffusion_xt,
    }.items()
}
