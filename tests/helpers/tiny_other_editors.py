"""Tiny random GLM-Image, OmniGen and Bria FIBO editors: `BUILDERS[class name]()`."""

from diffusers import (
    AutoencoderKL,
    BriaFiboEditPipeline,
    BriaFiboTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    GlmImagePipeline,
    GlmImageTransformer2DModel,
    OmniGenPipeline,
    OmniGenTransformer2DModel,
)
from transformers import (
    ByT5Tokenizer,
    GlmImageConfig,
    GlmImageForConditionalGeneration,
    GlmImageImageProcessor,
    GlmImageProcessor,
    Qwen2Tokenizer,
    SmolLM3Config,
    SmolLM3ForCausalLM,
    T5Config,
    T5EncoderModel,
)

import tiny_qwen
from tiny_image_editors import TEXT, autoencoder
from tiny_qwen_based_editors import wan_autoencoder
from tiny_tokenizers import LETTERS, qwen2_tokenizer

CODES = 16  # image tokens of GLM-Image
GLM_TOKENS = {
    "image_token": "<|image|>",
    "grid_bos_token": "<sop>",
    "grid_eos_token": "<eop>",
    "bos_token": "<|boi|>",
}
GLM_CHAT = (
    "{% for m in messages %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|image|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}"
)
SMOLLM_START = 128_000  # the token of an empty prompt


def _glm_tokenizer():
    own = ["<|endoftext|>", *GLM_TOKENS.values()]
    vocabulary = {token: number for number, token in enumerate([*LETTERS, *own])}
    names = dict(GLM_TOKENS)
    return Qwen2Tokenizer(
        vocabulary, [], bos_token=names.pop("bos_token"), extra_special_tokens=names
    )


def _vision_language_encoder(tokens):
    config = GlmImageConfig(
        text_config={
            "vocab_size": 300,
            "hidden_size": TEXT,
            "intermediate_size": 37,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "vision_vocab_size": CODES,
            "pad_token_id": 0,
            "eos_token_id": None,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]},
        },
        vision_config={
            "depth": 1,
            "hidden_size": TEXT,
            "num_heads": 2,
            "image_size": 64,
            "patch_size": 16,
            "intermediate_size": 37,
        },
        vq_config={"embed_dim": 16, "num_embeddings": CODES, "latent_channels": TEXT},
        image_token_id=tokens.convert_tokens_to_ids("<|image|>"),
        image_start_token_id=tokens.convert_tokens_to_ids("<|boi|>"),
        image_end_token_id=tokens.convert_tokens_to_ids("<|endoftext|>"),
    )
    return GlmImageForConditionalGeneration(config).eval()


def _glm_image():
    tokens = _glm_tokenizer()
    images = GlmImageImageProcessor(
        min_pixels=64 * 64,
        max_pixels=2048 * 2048,
        patch_size=16,
        temporal_patch_size=1,
        merge_size=1,
    )
    transformer = GlmImageTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        text_embed_dim=TEXT,
        time_embed_dim=32,
        condition_dim=8,
        prior_vq_quantizer_codebook_size=CODES,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4,) * 4,
        norm_num_groups=1,
        latent_channels=4,
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
        mid_block_add_attention=False,
    )
    glyphs = T5Config(
        vocab_size=400,
        d_model=TEXT,
        d_kv=8,
        d_ff=37,
        num_layers=1,
        num_heads=4,
        num_decoder_layers=1,
    )
    return GlmImagePipeline(
        tokenizer=ByT5Tokenizer(),
        processor=GlmImageProcessor(images, tokens, chat_template=GLM_CHAT),
        text_encoder=T5EncoderModel(glyphs).eval(),
        vision_language_encoder=_vision_language_encoder(tokens),
        vae=vae,
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def _omnigen():
    transformer = OmniGenTransformer2DModel(
        in_channels=4,
        hidden_size=32,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=37,
        num_layers=1,
        pad_token_id=0,
        vocab_size=tiny_qwen.VOCABULARY,
        max_position_embeddings=4096,
        rope_scaling={"long_factor": [1.0] * 8, "short_factor": [1.0] * 8},
        time_step_dim=32,
    )
    return OmniGenPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(invert_sigmas=True, num_train_timesteps=1),
        vae=autoencoder(blocks=4),
        tokenizer=qwen2_tokenizer(),
    )


def _bria_fibo_edit():
    text = SmolLM3Config(
        vocab_size=SMOLLM_START + 1,
        hidden_size=16,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=0,
    )
    transformer = BriaFiboTransformer2DModel(
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        text_encoder_dim=16,
        axes_dims_rope=[4, 6, 6],
    )
    vae = wan_autoencoder(
        patch_size=2, in_channels=12, out_channels=12, scale_factor_spatial=16, is_residual=True
    )
    return BriaFiboEditPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae,
        text_encoder=SmolLM3ForCausalLM(text).eval(),
        tokenizer=qwen2_tokenizer(),
    )


BUILDERS = {
    "GlmImagePipeline": tiny_qwen.seeded(_glm_image),
    "OmniGenPipeline": tiny_qwen.seeded(_omnigen),
    "BriaFiboEditPipeline": tiny_qwen.seeded(_bria_fibo_edit),
}
