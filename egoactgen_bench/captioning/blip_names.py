"""Renames BLIP's parameters to those of its authors' checkpoints, which LAVIS uses."""

import re

import torch
from torch import Tensor

# transformers' names on the left; those of the text decoder are equal.
VISION = (
    (r"^vision_model\.", "visual_encoder."),
    (r"\.embeddings\.class_embedding$", ".cls_token"),
    (r"\.embeddings\.position_embedding$", ".pos_embed"),
    (r"\.embeddings\.patch_embedding\.", ".patch_embed.proj."),
    (r"\.encoder\.layers\.", ".blocks."),
    (r"\.self_attn\.qkv\.", ".attn.qkv."),
    (r"\.self_attn\.projection\.", ".attn.proj."),
    (r"\.layer_norm(\d)\.", r".norm\1."),
    (r"\.post_layernorm\.", ".norm."),
)
POSITIONS = "text_decoder.bert.embeddings.position_ids"


def released_name(name: str) -> str:
    """`vision_model.encoder.layers.0.layer_norm1.bias` → `visual_encoder.blocks.0.norm1.bias`."""
    if name.startswith("vision_model."):
        for pattern, replacement in VISION:
            name = re.sub(pattern, replacement, name)
    return name


def released_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A transformers captioner's parameters under the authors' names, with their only buffer."""
    released = {released_name(name): tensor for name, tensor in state.items()}
    places = len(state["text_decoder.bert.embeddings.position_embeddings.weight"])
    return released | {POSITIONS: torch.arange(places)[None]}
