"""Tiny random pipelines of LTX-Video and LTX-2: `BUILDERS[name]()` gives one to save."""

from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
    LTXConditionPipeline,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    SiglipVisionConfig,
)

from tiny_image_editors import TEXT, t5_encoder
from tiny_qwen import seeded
from tiny_tokenizers import qwen2_tokenizer, t5_tokenizer

LAYERS = 1  # of the language model


def _autoencoder(kind=AutoencoderKLLTXVideo, **changed):
    """Scales by 32, and 8 frames to one."""
    blocks = 3
    return kind(
        **(
            {
                "latent_channels": 8,
                "block_out_channels": (8,) * blocks,
                "decoder_block_out_channels": (8,) * blocks,
                "layers_per_block": (1,) * (blocks + 1),
                "decoder_layers_per_block": (1,) * (blocks + 1),
                "spatio_temporal_scaling": (True,) * blocks,
                "decoder_spatio_temporal_scaling": (True,) * blocks,
                "decoder_inject_noise": (False,) * (blocks + 1),
                "upsample_residual": (False,) * blocks,
                "upsample_factor": (1,) * blocks,
                "timestep_conditioning": True,
                "patch_size": 4,
                "patch_size_t": 1,
            }
            | changed
        )
    ).eval()


def _ltx(kind):
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        num_layers=1,
        caption_channels=TEXT,
    )
    return kind(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_autoencoder(),
        text_encoder=t5_encoder(),
        tokenizer=t5_tokenizer(),
        transformer=transformer,
    )


def ltx():
    """Published as a text-to-video pipeline."""
    return _ltx(LTXPipeline)


def ltx_condition():
    return _ltx(LTXConditionPipeline)


def _gemma3():
    text = Gemma3TextConfig(
        vocab_size=300,
        hidden_size=TEXT,
        intermediate_size=37,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        pad_token_id=0,
    )
    vision = SiglipVisionConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        image_size=32, patch_size=8,
    )  # fmt: skip
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=16)
    return Gemma3ForConditionalGeneration(config).eval()


def _connectors():
    heads = {"num_attention_heads": 4, "attention_head_dim": 8, "num_layers": 1}
    return LTX2TextConnectors(
        caption_channels=TEXT,
        text_proj_in_factor=LAYERS + 1,
        **{f"video_connector_{name}": value for name, value in heads.items()},
        **{f"audio_connector_{name}": value for name, value in heads.items()},
        video_connector_num_learnable_registers=None,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=32,
        rope_double_precision=False,
        causal_temporal_positioning=False,
        rope_type="split",
    ).eval()


def _audio():
    autoencoder = AutoencoderKLLTX2Audio(
        base_channels=4,
        ch_mult=(1,),
        num_res_blocks=1,
        attn_resolutions=None,
        resolution=32,
        latent_channels=2,
        mel_bins=8,
    )
    vocoder = LTX2Vocoder(
        in_channels=16,
        hidden_channels=8,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
    )
    return autoencoder.eval(), vocoder.eval()


def ltx_2():
    """Published as a text-to-video pipeline."""
    audio_vae, vocoder = _audio()
    transformer = LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        caption_channels=TEXT,
        rope_double_precision=False,
        rope_type="split",
    ).eval()
    vae = _autoencoder(
        AutoencoderKLLTX2Video,
        downsample_type=("spatiotemporal",) * 3,
        decoder_layers_per_block=(1, 1, 1, 1),
        timestep_conditioning=False,
    )
    return LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae,
        audio_vae=audio_vae,
        text_encoder=_gemma3(),
        tokenizer=qwen2_tokenizer(),
        connectors=_connectors(),
        transformer=transformer,
        vocoder=vocoder,
    )


BUILDERS = {
    "LTXPipeline": seeded(ltx),
    "LTXConditionPipeline": seeded(ltx_condition),
    "LTX2Pipeline": seeded(ltx_2),
}
