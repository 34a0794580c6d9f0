"""Tiny random image editors of diffusers: `BUILDERS[class name]()` gives a pipeline to save."""

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxTransformer2DModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from tiny_tokenizers import clip_tokenizer, t5_tokenizer

TEXT = 32  # width of the text encoders


def clip_text_model(**changed):
    return CLIPTextModel(
        CLIPTextConfig(
            **(
                {
                    "hidden_size": TEXT,
                    "intermediate_size": 37,
                    "num_attention_heads": 4,
                    "num_hidden_layers": 2,
                    "projection_dim": TEXT,
                    "vocab_size": 1000,
                    "bos_token_id": 0,
                    "eos_token_id": 2,
                }
                | changed
            )
        )
    ).eval()


def t5_encoder():
    return T5EncoderModel(
        T5Config(
            vocab_size=200,
            d_model=TEXT,
            d_kv=8,
            d_ff=37,
            num_layers=2,
            num_heads=4,
            num_decoder_layers=1,
        )
    ).eval()


def autoencoder(channels=4, blocks=2, **changed):
    """Scales by 2 ** (blocks − 1)."""
    return AutoencoderKL(
        **(
            {
                "in_channels": 3,
                "out_channels": 3,
                "down_block_types": ("DownEncoderBlock2D",) * blocks,
                "up_block_types": ("UpDecoderBlock2D",) * blocks,
                "block_out_channels": (4,) * blocks,
                "layers_per_block": 1,
                "latent_channels": channels,
                "norm_num_groups": 1,
                "use_quant_conv": False,
                "mid_block_add_attention": False,  # slow at 1 MP
                "use_post_quant_conv": False,
                "shift_factor": 0.06,
                "scaling_factor": 1.5,
            }
            | changed
        )
    )


def flux_kontext():
    torch.manual_seed(0)
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
        guidance_embeds=True,
    )
    return FluxKontextPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder(blocks=4),
        text_encoder=clip_text_model(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5_encoder(),
        tokenizer_2=t5_tokenizer(),
        transformer=transformer,
    )


BUILDERS = {"FluxKontextPipeline": flux_kontext}
