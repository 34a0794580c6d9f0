"""The metrics' networks as defined by other programs, with the same weights."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]

# open_clip's names → transformers'.
_CLIP_NAMES = (
    (r"^visual\.transformer\.resblocks", "vision_model.encoder.layers"),
    (r"^transformer\.resblocks", "text_model.encoder.layers"),
    (r"^visual\.class_embedding", "vision_model.embeddings.class_embedding"),
    (r"^visual\.conv1", "vision_model.embeddings.patch_embedding"),
    (r"^visual\.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    (r"^visual\.ln_pre", "vision_model.pre_layrnorm"),
    (r"^visual\.ln_post", "vision_model.post_layernorm"),
    (r"^token_embedding", "text_model.embeddings.token_embedding"),
    (r"^positional_embedding", "text_model.embeddings.position_embedding.weight"),
    (r"^ln_final", "text_model.final_layer_norm"),
    (r"attn\.out_proj", "self_attn.out_proj"),
    (r"ln_(\d)", r"layer_norm\1"),
    (r"mlp\.c_fc", "mlp.fc1"),
    (r"mlp\.c_proj", "mlp.fc2"),
)


def transformers_clip(state: State) -> Any:
    """transformers' CLIPModel with the weights of an open_clip model of one layer per tower."""
    from transformers import CLIPConfig, CLIPModel

    width, _, _, patch = state["visual.conv1.weight"].shape
    text_width, dimension = state["text_projection"].shape
    grid = round((len(state["visual.positional_embedding"]) - 1) ** 0.5)
    layers = {"num_hidden_layers": 1, "hidden_act": "quick_gelu"}

    def sizes(hidden: int) -> dict[str, Any]:
        heads = hidden // 64
        return layers | {
            "hidden_size": hidden,
            "intermediate_size": 4 * hidden,
            "num_attention_heads": heads,
        }

    vision = sizes(width) | {"patch_size": patch, "image_size": grid * patch}
    text = sizes(text_width) | {"vocab_size": 49408, "eos_token_id": 49407, "bos_token_id": 49406}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=dimension)
    model = CLIPModel(config)
    _fill(model, _renamed_clip(state))
    return model.eval()


def _renamed_clip(state: State) -> State:
    renamed = {
        "text_projection.weight": state["text_projection"].T,
        "visual_projection.weight": state["visual.proj"].T,
    }
    for name, tensor in state.items():
        for pattern, replacement in _CLIP_NAMES:
            name = re.sub(pattern, replacement, name)
        if ".attn.in_proj_" in name:
            for part, chunk in zip("qkv", tensor.chunk(3), strict=True):
                renamed[name.replace("attn.in_proj_", f"self_attn.{part}_proj.")] = chunk
        elif name not in ("text_projection", "visual.proj"):
            renamed[name] = tensor
    return renamed


# transformers' names → timm's.
_DINO_NAMES = (
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.patch_embeddings.projection", "patch_embed.proj"),
    ("encoder.layer.0.attention.output.dense", "blocks.0.attn.proj"),
    ("encoder.layer.0.layer_scale1.lambda1", "blocks.0.ls1.gamma"),
    ("encoder.layer.0.layer_scale2.lambda1", "blocks.0.ls2.gamma"),
    ("encoder.layer.0.", "blocks.0."),
    ("layernorm.", "norm."),
)


def timm_dino(folder: Path) -> Any:
    """timm's vision transformer with the weights of a transformers folder of one DINOv2 layer."""
    from safetensors.torch import load_file
    from timm.models.vision_transformer import VisionTransformer
    from transformers import Dinov2Config

    sizes = Dinov2Config.from_pretrained(folder)
    model = VisionTransformer(
        img_size=sizes.image_size,
        patch_size=sizes.patch_size,
        num_classes=0,
        embed_dim=sizes.hidden_size,
        depth=1,
        num_heads=sizes.num_attention_heads,
        init_values=1e-5,
        dynamic_img_size=True,
    )
    state = load_file(folder / "model.safetensors")
    attention = "encoder.layer.0.attention.attention"
    renamed = {}
    for kind in ("weight", "bias"):
        parts = [state.pop(f"{attention}.{part}.{kind}") for part in ("query", "key", "value")]
        renamed[f"blocks.0.attn.qkv.{kind}"] = torch.cat(parts)
    state.pop("embeddings.mask_token")
    for name, tensor in state.items():
        for old, new in _DINO_NAMES:
            name = name.replace(old, new)
        renamed[name] = tensor
    _fill(model, renamed)
    return model.eval()


def _fill(model: nn.Module, state: State) -> None:
    """Load all of `state`; only position buffers may keep their values."""
    found = model.load_state_dict(state, strict=False)
    assert not found.unexpected_keys, found.unexpected_keys
    left = [name for name in found.missing_keys if not name.endswith("position_ids")]
    assert not left, left
