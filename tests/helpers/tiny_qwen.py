"""Tiny random language models of the Qwen family, which many editors read their prompt with."""

import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from tiny_tokenizers import qwen2_tokenizer

WIDTH = 32
VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY = 300  # bytes and special tokens, rounded up


def tokenizer(*special):
    made = qwen2_tokenizer(*VISION, *special)
    made.chat_template = CHAT
    return made


def ids(tokens):
    names = ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id")
    return dict(zip(names, tokens.convert_tokens_to_ids(list(VISION)), strict=True))


def _text(layers, **changed):
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": 37,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "bos_token_id": None,
        "eos_token_id": None,
    } | changed


def qwen2_5_vl(layers=1):
    """A Qwen2.5-VL with its tokenizer and processor."""
    tokens = tokenizer()
    config = Qwen2_5_VLConfig(
        text_config=_text(
            layers,
            rope_parameters={"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4},
        ),
        vision_config={
            "depth": 1,
            "hidden_size": WIDTH,
            "intermediate_size": 37,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [],  # within windows only, which is faster
        },
        **ids(tokens),
    )
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessor(), tokens, Qwen2VLVideoProcessor(), chat_template=CHAT
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval(), tokens, processor


def qwen3_vl(layers=1, **text):
    """A Qwen3-VL with its tokenizer and processor."""
    tokens = tokenizer()
    config = Qwen3VLConfig(
        text_config=_text(
            layers,
            rope_parameters={"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4},
            **text,
        ),
        vision_config={
            "depth": 1,
            "hidden_size": WIDTH,
            "intermediate_size": 37,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "deepstack_visual_indexes": [0],
            "num_position_embeddings": 16,
        },
        **ids(tokens),
    )
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(patch_size=16),
        tokens,
        Qwen3VLVideoProcessor(),
        chat_template=CHAT,
    )
    return Qwen3VLForConditionalGeneration(config).eval(), tokens, processor


def qwen3(layers=1):
    """A Qwen3 without vision, and its tokenizer."""
    return Qwen3ForCausalLM(Qwen3Config(**_text(layers))).eval(), tokenizer()


def seeded(build):
    """The builder with fixed random weights."""

    def built():
        torch.manual_seed(0)
        return build()

    return built
