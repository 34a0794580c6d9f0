"""Tiny random Qwen-Image editors: `BUILDERS[class name]()` gives a pipeline to save."""

from diffusers import (
    AutoencoderKLQwenImage,
    AutoencoderKLQwenImage21,
    FlowMatchEulerDiscreteScheduler,
    QwenImage21Pipeline,
    QwenImage21Transformer2DModel,
    QwenImageEditPipeline,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
)

import tiny_qwen

CHANNELS = 4  # of the latents


def transformer():
    return QwenImageTransformer2DModel(
        in_channels=4 * CHANNELS,
        out_channels=CHANNELS,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=tiny_qwen.WIDTH,
        axes_dims_rope=(4, 6, 6),
    )


def autoencoder():
    """Scales by 8."""
    return AutoencoderKLQwenImage(
        base_dim=2,
        z_dim=CHANNELS,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.0] * CHANNELS,
        latents_std=[1.0] * CHANNELS,
    )


def _edit(kind):
    text_encoder, tokenizer, processor = tiny_qwen.qwen2_5_vl()
    return kind(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        processor=processor,
        transformer=transformer(),
    )


def _qwen_image_21():
    text_encoder, _, processor = tiny_qwen.qwen3_vl()
    return QwenImage21Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKLQwenImage21(
            base_dim=2,
            decoder_base_dim=2,
            z_dim=CHANNELS,
            dim_mult=[1, 1, 1, 1, 1],
            num_res_blocks=1,
            latents_mean=[0.0] * CHANNELS,
            latents_std=[1.0] * CHANNELS,
        ),
        text_encoder=text_encoder,
        processor=processor,
        transformer=QwenImage21Transformer2DModel(
            in_channels=CHANNELS,
            out_channels=CHANNELS,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            context_in_dim=tiny_qwen.WIDTH,
            axes_dims_rope=(4, 6, 6),
        ),
    )


BUILDERS = {
    "QwenImageEditPipeline": tiny_qwen.seeded(lambda: _edit(QwenImageEditPipeline)),
    "QwenImageEditPlusPipeline": tiny_qwen.seeded(lambda: _edit(QwenImageEditPlusPipeline)),
    "QwenImage21Pipeline": tiny_qwen.seeded(_qwen_image_21),
}
