"""Tiny random FLUX.2 pipelines: `BUILDERS[class name]()` gives a pipeline to save."""

from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinKVPipeline,
    Flux2KleinPipeline,
    Flux2Pipeline,
    Flux2Transformer2DModel,
)
from transformers import (
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PixtralImageProcessor,
    PixtralProcessor,
)

import tiny_qwen
from tiny_tokenizers import qwen2_tokenizer

CHANNELS = 4  # of the latents, four of which are a token
MISTRAL_LAYERS, QWEN_LAYERS = 30, 27  # the last layer that the prompt is read from
IMAGE_TOKENS = ("[IMG]", "[IMG_BREAK]", "[IMG_END]")
CHAT = (
    "{% for m in messages %}[{{ m['role'] }}]"
    "{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endfor %}"
)


def autoencoder():
    """Scales by 8."""
    return AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4,) * 4,
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=1,
        mid_block_add_attention=False,
    )


def _transformer(guidance):
    return Flux2Transformer2DModel(
        in_channels=4 * CHANNELS,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=3 * tiny_qwen.WIDTH,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guidance,
    )


def _parts(guidance):
    return {
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "vae": autoencoder(),
        "transformer": _transformer(guidance),
    }


def mistral3():
    tokens = qwen2_tokenizer(*IMAGE_TOKENS)
    config = Mistral3Config(
        text_config={
            "model_type": "mistral",
            "vocab_size": tiny_qwen.VOCABULARY,
            "hidden_size": tiny_qwen.WIDTH,
            "intermediate_size": 37,
            "num_hidden_layers": MISTRAL_LAYERS,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
        },
        vision_config={
            "model_type": "pixtral",
            "hidden_size": 32,
            "intermediate_size": 37,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "head_dim": 16,
            "image_size": 56,
            "patch_size": 14,
        },
        image_token_id=tokens.convert_tokens_to_ids("[IMG]"),
    )
    processor = PixtralProcessor(
        PixtralImageProcessor(), tokens, patch_size=14, spatial_merge_size=2, chat_template=CHAT
    )
    return Mistral3ForConditionalGeneration(config).eval(), processor


def _flux2():
    text_encoder, processor = mistral3()
    return Flux2Pipeline(text_encoder=text_encoder, tokenizer=processor, **_parts(guidance=True))


def _klein(kind, **settings):
    text_encoder, tokenizer = tiny_qwen.qwen3(QWEN_LAYERS)
    parts = _parts(guidance=False)
    return kind(text_encoder=text_encoder, tokenizer=tokenizer, **parts, **settings)


BUILDERS = {
    "Flux2Pipeline": tiny_qwen.seeded(_flux2),
    "Flux2KleinPipeline": tiny_qwen.seeded(lambda: _klein(Flux2KleinPipeline)),
    "Flux2KleinPipeline-distilled": tiny_qwen.seeded(
        lambda: _klein(Flux2KleinPipeline, is_distilled=True)
    ),
    "Flux2KleinKVPipeline": tiny_qwen.seeded(lambda: _klein(Flux2KleinKVPipeline)),
}
