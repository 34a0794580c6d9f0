"""Tiny random pipelines that start from an image with a strength, and InstructPix2Pix."""

from diffusers import (
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxImg2ImgPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    QwenImagePipeline,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

import tiny_qwen
import tiny_qwen_editors
from tiny_image_editors import TEXT, autoencoder, clip_text_model, t5_encoder
from tiny_tokenizers import clip_tokenizer, t5_tokenizer

SAMPLE_SIZE = 32  # the trained area is (8 × SAMPLE_SIZE)²


def _unet(xl=False, channels=4, **changed):
    return UNet2DConditionModel(
        sample_size=SAMPLE_SIZE,
        in_channels=channels,
        out_channels=4,
        block_out_channels=(4, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=2 * TEXT if xl else TEXT,
        norm_num_groups=2,
        attention_head_dim=4,
        **(
            {
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 6 * 8 + TEXT,
            }
            if xl
            else {}
        ),
        **changed,
    )


def _projected_clip():
    config = CLIPTextConfig(
        hidden_size=TEXT,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        projection_dim=TEXT,
        vocab_size=1000,
        bos_token_id=0,
        eos_token_id=2,
        hidden_act="gelu",
    )
    return CLIPTextModelWithProjection(config).eval()


def _vae(**changed):
    """Scales by 8."""
    return autoencoder(
        blocks=4,
        use_quant_conv=True,
        use_post_quant_conv=True,
        shift_factor=None,
        scaling_factor=0.18,
        **changed,
    )


def _stable_diffusion(kind, channels=4):
    return kind(
        vae=_vae(),
        text_encoder=clip_text_model(),
        tokenizer=clip_tokenizer(),
        unet=_unet(channels=channels),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _stable_diffusion_xl(kind, channels=4):
    return kind(
        vae=_vae(force_upcast=False),
        text_encoder=clip_text_model(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=_projected_clip(),
        tokenizer_2=clip_tokenizer(),
        unet=_unet(xl=True, channels=channels),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
    )


def _stable_diffusion_3():
    transformer = SD3Transformer2DModel(
        sample_size=SAMPLE_SIZE,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=TEXT,
        caption_projection_dim=32,
        pooled_projection_dim=2 * TEXT,
    )
    return StableDiffusion3Pipeline(
        vae=autoencoder(blocks=4),
        text_encoder=_projected_clip(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=_projected_clip(),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5_encoder(),
        tokenizer_3=t5_tokenizer(),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def _flux(kind, guidance=True):
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=TEXT,
        pooled_projection_dim=TEXT,
        axes_dims_rope=[4, 4, 8],
        guidance_embeds=guidance,
    )
    return kind(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder(blocks=4),
        text_encoder=clip_text_model(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5_encoder(),
        tokenizer_2=t5_tokenizer(),
        transformer=transformer,
    )


def _qwen_image():
    text_encoder, tokenizer, _ = tiny_qwen.qwen2_5_vl()
    return QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=tiny_qwen_editors.autoencoder(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=tiny_qwen_editors.transformer(),
    )


def z_image_transformer(**changed):
    return ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=tiny_qwen.WIDTH,
        axes_dims=[4, 6, 6],
        axes_lens=[1024, 128, 128],
        **changed,
    )


def _z_image():
    text_encoder, tokenizer = tiny_qwen.qwen3(layers=2)
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder(blocks=4),
        text_encoder=text_encoder.model,
        tokenizer=tokenizer,
        transformer=z_image_transformer(),
    )


def _of(build, *arguments, **named):
    return tiny_qwen.seeded(lambda: build(*arguments, **named))


# A text-to-image class is loaded as its image-to-image class.
BUILDERS = {
    "StableDiffusionPipeline": _of(_stable_diffusion, StableDiffusionPipeline),
    "StableDiffusionInstructPix2PixPipeline": _of(
        _stable_diffusion, StableDiffusionInstructPix2PixPipeline, channels=8
    ),
    "StableDiffusionXLPipeline": _of(_stable_diffusion_xl, StableDiffusionXLPipeline),
    "StableDiffusionXLInstructPix2PixPipeline": _of(
        _stable_diffusion_xl, StableDiffusionXLInstructPix2PixPipeline, channels=8
    ),
    "StableDiffusion3Pipeline": _of(_stable_diffusion_3),
    "FluxPipeline": _of(_flux, FluxPipeline),
    "FluxPipeline-schnell": _of(_flux, FluxPipeline, guidance=False),
    "FluxImg2ImgPipeline": _of(_flux, FluxImg2ImgPipeline),
    "QwenImagePipeline": _of(_qwen_image),
    "ZImagePipeline": _of(_z_image),
}
