"""Tiny random FLUX.3 pipelines: `BUILDERS[class name]()` gives a pipeline to save."""

from diffusers import Flux3Transformer2DModel
from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

import tiny_flux2
import tiny_qwen
from tiny_modular import Modular

LAYERS = 32  # the last layer that the prompt is read from
STACKED = 8  # layers whose states are the embedding of a token


def _transformer(distilled):
    return Flux3Transformer2DModel(
        in_channels=4 * tiny_flux2.CHANNELS,
        cond_in_channels=4 * tiny_flux2.CHANNELS,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=STACKED * tiny_qwen.WIDTH,
        timestep_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        flow_map=distilled,
    )


def _prompt_upsampler():
    _, tokens, processor = tiny_qwen.qwen3_vl()
    config = Qwen3_5Config(
        text_config={
            "vocab_size": tiny_qwen.VOCABULARY,
            "hidden_size": tiny_qwen.WIDTH,
            "intermediate_size": 37,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "layer_types": ["full_attention"],
            "rope_parameters": {
                "rope_type": "default",
                "mrope_section": [2, 3, 3],
                "mrope_interleaved": True,
                "rope_theta": 1e4,
                "partial_rotary_factor": 1.0,
            },
        },
        vision_config={
            "depth": 1,
            "hidden_size": tiny_qwen.WIDTH,
            "intermediate_size": 37,
            "num_heads": 2,
            "out_hidden_size": tiny_qwen.WIDTH,
            "num_position_embeddings": 16,
        },
        **tiny_qwen.ids(tokens),
    )
    return Qwen3_5ForConditionalGeneration(config).eval(), processor


def _flux3(name, distilled):
    text_encoder, _, processor = tiny_qwen.qwen3_vl(LAYERS)
    upsampler, upsampler_processor = _prompt_upsampler()
    return Modular(
        name,
        {
            "prompt_upsampler": upsampler,
            "prompt_upsampler_processor": upsampler_processor,
            "text_encoder": text_encoder,
            "tokenizer": processor,
            "vae": tiny_flux2.autoencoder(),
            "transformer": _transformer(distilled),
        },
        settings={},
    )


BUILDERS = {
    name: tiny_qwen.seeded(lambda name=name, distilled=distilled: _flux3(name, distilled))
    for name, distilled in (
        ("Flux3ModularPipeline", False),
        ("Flux3DistilledModularPipeline", True),
    )
}
