"""Tiny random pipelines with the architecture of HunyuanVideo: `BUILDERS[name]()` gives one."""

from diffusers import (
    AutoencoderKLHunyuanVideo15,
    ClassifierFreeGuidance,
    HunyuanSkyreelsImageToVideoPipeline,
    HunyuanVideo15ImageToVideoPipeline,
    HunyuanVideo15Transformer3DModel,
    HunyuanVideoFramepackPipeline,
    HunyuanVideoFramepackTransformer3DModel,
    HunyuanVideoImageToVideoPipeline,
    HunyuanVideoTransformer3DModel,
)
from transformers import (
    ByT5Tokenizer,
    LlamaConfig,
    LlamaModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
)

from tiny_image_editors import TEXT, clip_text_model, t5_encoder
from tiny_qwen import seeded, tokenizer
from tiny_tokenizers import clip_tokenizer, qwen2_tokenizer
from tiny_video_parts import (
    VISION,
    clip_processor,
    clip_vision,
    euler,
    hunyuan_autoencoder,
    siglip_processor,
    siglip_vision,
)

LLAMA = (
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<image>",
)
VOCABULARY = 300
LLAVA_SIDE, LLAVA_PATCH = 48, 2  # 576 patches, which the pipeline expects


def _llama(layers=3):
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=37,
        num_hidden_layers=layers,
        num_attention_heads=2,
        pad_token_id=1,
    )


def _transformer(kind=HunyuanVideoTransformer3DModel, **changed):
    small = {
        "in_channels": 8,
        "out_channels": 4,
        "num_attention_heads": 2,
        "attention_head_dim": 10,
        "num_layers": 1,
        "num_single_layers": 1,
        "num_refiner_layers": 1,
        "patch_size": 2,
        "patch_size_t": 1,
        "guidance_embeds": True,
        "text_embed_dim": 16,
        "pooled_projection_dim": TEXT,
        "rope_axes_dim": (2, 4, 4),
    }
    return kind(**(small | changed)).eval()


def _parts():
    return {
        "scheduler": euler(),
        "vae": hunyuan_autoencoder(),
        "tokenizer": qwen2_tokenizer(*LLAMA),
        "text_encoder_2": clip_text_model(),
        "tokenizer_2": clip_tokenizer(),
    }


def _image_to_video(**changed):
    parts = _parts()
    image_token = parts["tokenizer"].convert_tokens_to_ids("<image>")
    text_encoder = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=clip_vision(side=LLAVA_SIDE, patch=LLAVA_PATCH).config,
            text_config=_llama(),
            image_token_index=image_token,
            pad_token_id=1,
        )
    ).eval()
    text_encoder.config.pad_token_id = 1
    return HunyuanVideoImageToVideoPipeline(
        **parts,
        text_encoder=text_encoder,
        image_processor=clip_processor(LLAVA_SIDE),
        transformer=_transformer(**changed),
    )


def hunyuan_token_replace():
    return _image_to_video(in_channels=4, image_condition_type="token_replace")


def hunyuan_latent_concat():
    return _image_to_video(
        in_channels=9, image_condition_type="latent_concat", guidance_embeds=False
    )


def hunyuan_skyreels():
    return HunyuanSkyreelsImageToVideoPipeline(
        **_parts(), text_encoder=LlamaModel(_llama()).eval(), transformer=_transformer()
    )


def framepack():
    transformer = _transformer(
        HunyuanVideoFramepackTransformer3DModel,
        in_channels=4,
        has_image_proj=True,
        image_proj_dim=VISION,
        has_clean_x_embedder=True,
    )
    return HunyuanVideoFramepackPipeline(
        **_parts(),
        text_encoder=LlamaModel(_llama()).eval(),
        transformer=transformer,
        image_encoder=siglip_vision(),
        feature_extractor=siglip_processor(),
    )


def hunyuan_1_5():
    config = Qwen2_5_VLTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4},
        bos_token_id=None,
        eos_token_id=None,
    )
    transformer = HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        patch_size=1,
        patch_size_t=1,
        text_embed_dim=16,
        text_embed_2_dim=TEXT,
        image_embed_dim=VISION,
        rope_axes_dim=(2, 2, 4),
        target_size=64,
        task_type="i2v",
    )
    vae = AutoencoderKLHunyuanVideo15(
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8, 8),
        layers_per_block=1,
        spatial_compression_ratio=16,
        temporal_compression_ratio=4,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )
    return HunyuanVideo15ImageToVideoPipeline(
        text_encoder=Qwen2_5_VLTextModel(config).eval(),
        tokenizer=tokenizer(),
        transformer=transformer.eval(),
        vae=vae.eval(),
        scheduler=euler(),
        text_encoder_2=t5_encoder(),
        tokenizer_2=ByT5Tokenizer(),
        guider=ClassifierFreeGuidance(guidance_scale=6.0),
        image_encoder=siglip_vision(),
        feature_extractor=siglip_processor(),
    )


BUILDERS = {
    "HunyuanVideo I2V": seeded(hunyuan_token_replace),
    "HunyuanVideo I2V-33ch": seeded(hunyuan_latent_concat),
    "HunyuanSkyreelsImageToVideoPipeline": seeded(hunyuan_skyreels),
    "HunyuanVideoFramepackPipeline": seeded(framepack),
    "HunyuanVideo15ImageToVideoPipeline": seeded(hunyuan_1_5),
}
