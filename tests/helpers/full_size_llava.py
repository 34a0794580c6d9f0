"""The configurations of LLaVA on Llama 2 with CLIP ViT-L/14 of 224 pixels, as the paper's."""

from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

SIZES = {"7B": (4096, 11008, 32), "13B": (5120, 13824, 40)}  # width, feed-forward, layers


def config(size):
    """Of the published model with 7 or 13 billion parameters."""
    width, inner, layers = SIZES[size]
    text = LlamaConfig(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=width // 128,
        vocab_size=32_000,
    )
    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        patch_size=14,
        image_size=224,
    )
    architectures = ["LlavaForConditionalGeneration"]
    return LlavaConfig(text_config=text, vision_config=vision, architectures=architectures)
