"""Tiny random editors that read the prompt with a Qwen: `BUILDERS[class name]()`."""

from diffusers import (
    AutoencoderKLWan,
    AutoencoderTiny,
    BriaFibo2Pipeline,
    BriaFibo2Transformer2DModel,
    DreamLiteMobilePipeline,
    DreamLitePipeline,
    DreamLiteUNetModel,
    FlowMatchEulerDiscreteScheduler,
    JoyImageEditPipeline,
    JoyImageEditPlusPipeline,
    JoyImageEditPlusTransformer3DModel,
    JoyImageEditTransformer3DModel,
    Kandinsky5I2IPipeline,
    Kandinsky5Transformer3DModel,
    LongCatImageEditPipeline,
    LongCatImageTransformer2DModel,
    ZImageOmniPipeline,
)
from transformers import Siglip2ImageProcessor, Siglip2VisionConfig, Siglip2VisionModel

import tiny_qwen
from tiny_flux2 import autoencoder as flux2_autoencoder
from tiny_image_editors import TEXT, autoencoder, clip_text_model
from tiny_image_to_image import z_image_transformer
from tiny_tokenizers import clip_tokenizer


def _scheduler(dynamic=True):
    return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=dynamic)


def _longcat():
    text_encoder, tokenizer, processor = tiny_qwen.qwen2_5_vl()
    transformer = LongCatImageTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=tiny_qwen.WIDTH,
        pooled_projection_dim=tiny_qwen.WIDTH,
        axes_dims_rope=[4, 6, 6],
    )
    return LongCatImageEditPipeline(
        scheduler=_scheduler(),
        vae=autoencoder(channels=16, blocks=4),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_processor=processor,
        transformer=transformer,
    )


def wan_autoencoder(**changed):
    """Scales by 8."""
    parts = {
        "base_dim": 2,
        "z_dim": 4,
        "dim_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "latents_mean": [0.0] * 4,
        "latents_std": [1.0] * 4,
    }
    return AutoencoderKLWan(**(parts | changed))


def _joyimage(kind, transformer):
    text_encoder, tokenizer, processor = tiny_qwen.qwen3_vl()
    return kind(
        scheduler=_scheduler(dynamic=False),
        vae=wan_autoencoder(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        processor=processor,
        transformer=transformer(
            in_channels=4,
            hidden_size=32,
            num_attention_heads=2,
            text_dim=tiny_qwen.WIDTH,
            num_layers=1,
            rope_dim_list=[4, 6, 6],
        ),
    )


def _kandinsky5():
    text_encoder, _, processor = tiny_qwen.qwen2_5_vl()
    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=4,
        in_text_dim=tiny_qwen.WIDTH,
        in_text_dim2=TEXT,
        time_dim=16,
        out_visual_dim=4,
        model_dim=32,
        ff_dim=37,
        num_text_blocks=1,
        num_visual_blocks=1,
        axes_dims=(4, 6, 6),
        visual_cond=True,
    )
    return Kandinsky5I2IPipeline(
        scheduler=_scheduler(dynamic=False),
        vae=autoencoder(blocks=4, block_out_channels=(1,) * 4),  # fast at 1 MP
        text_encoder=text_encoder,
        tokenizer=processor,
        text_encoder_2=clip_text_model(),
        tokenizer_2=clip_tokenizer(),
        transformer=transformer,
    )


def _dreamlite(kind):
    text_encoder, tokenizer, processor = tiny_qwen.qwen3_vl()
    unet = DreamLiteUNetModel(
        block_out_channels=(8, 8, 8),
        layers_per_block=1,
        norm_num_groups=2,
        cross_attention_dim=tiny_qwen.WIDTH,
        attention_head_dim=1,
        addition_embed_type="time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16,
    )
    return kind(
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        processor=processor,
        vae=AutoencoderTiny(
            encoder_block_out_channels=(4,) * 4, decoder_block_out_channels=(4,) * 4
        ),
        unet=unet,
        scheduler=_scheduler(),
    )


def _bria_fibo2():
    text_encoder, _, processor = tiny_qwen.qwen3_vl(layers=36)
    transformer = BriaFibo2Transformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=6,
        n_refiner_layers=1,
        n_heads=2,
        cap_feat_dim=3 * tiny_qwen.WIDTH,
        injection_layer_ids=(1, 2, 3, 4, 5),
        perceiver_num_layers=1,
        axes_dims=(4, 6, 6),
    )
    return BriaFibo2Pipeline(
        transformer=transformer,
        scheduler=_scheduler(),
        vae=flux2_autoencoder(),
        text_encoder=text_encoder,
        processor=processor,
    )


def _z_image_omni():
    text_encoder, tokenizer = tiny_qwen.qwen3(layers=2)
    siglip = Siglip2VisionConfig(
        hidden_size=TEXT,
        intermediate_size=37,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_patches=16,
        patch_size=16,
    )
    return ZImageOmniPipeline(
        scheduler=_scheduler(),
        vae=autoencoder(blocks=4),
        text_encoder=text_encoder.model,
        tokenizer=tokenizer,
        transformer=z_image_transformer(siglip_feat_dim=TEXT),
        siglip=Siglip2VisionModel(siglip).eval(),
        siglip_processor=Siglip2ImageProcessor(patch_size=16),
    )


def _of(build, *arguments):
    return tiny_qwen.seeded(lambda: build(*arguments))


BUILDERS = {
    "LongCatImageEditPipeline": _of(_longcat),
    "JoyImageEditPipeline": _of(_joyimage, JoyImageEditPipeline, JoyImageEditTransformer3DModel),
    "JoyImageEditPlusPipeline": _of(
        _joyimage, JoyImageEditPlusPipeline, JoyImageEditPlusTransformer3DModel
    ),
    "Kandinsky5I2IPipeline": _of(_kandinsky5),
    "DreamLitePipeline": _of(_dreamlite, DreamLitePipeline),
    "DreamLiteMobilePipeline": _of(_dreamlite, DreamLiteMobilePipeline),
    "BriaFibo2Pipeline": _of(_bria_fibo2),
    "ZImageOmniPipeline": _of(_z_image_omni),
}
