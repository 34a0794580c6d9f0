"""Cross-attention to a context that is constant over steps: keys and values are computed once."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Keys and values by name of the cross-attention, each (B, heads, L, width per head).
Prepared = dict[str, tuple[Tensor, Tensor]]


def prepare(unet: Any, context: Tensor, null: Tensor, nulls: int) -> Prepared:
    """Project B contexts and `nulls` copies of ∅ for `unet`'s `encoder_hidden_states`.

    `context`: (B, L, width); `null`: (1, L, width), projected only once. The UNet still accepts a
    tensor as context, too.
    """
    prepared = {}
    for name, attention in _cross_attentions(unet).items():
        attention.set_processor(PreparedAttention(name))
        pairs = zip(_project(attention, context), _project(attention, null), strict=True)
        keys, values = (torch.cat([own, empty.expand(nulls, -1, -1, -1)]) for own, empty in pairs)
        prepared[name] = keys, values
    return prepared


class PreparedAttention:
    """An attention processor of diffusers for the cross-attentions of Stable Diffusion's UNet."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self,
        attention: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | Prepared,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        keys, values = (
            _project(attention, encoder_hidden_states)
            if isinstance(encoder_hidden_states, Tensor)
            else encoder_hidden_states[self.name]
        )
        queries = _by_head(attention.to_q(hidden_states), attention.heads)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=attention_mask)
        projected: Tensor = attention.to_out[0](mixed.transpose(1, 2).flatten(2))
        return projected


def _cross_attentions(unet: Any) -> dict[str, Any]:
    return {
        name: module
        for name, module in unet.named_modules()
        if getattr(module, "is_cross_attention", False)
    }


def _project(attention: Any, context: Tensor) -> tuple[Tensor, Tensor]:
    keys, values = (layer(context) for layer in (attention.to_k, attention.to_v))
    return _by_head(keys, attention.heads), _by_head(values, attention.heads)


def _by_head(states: Tensor, heads: int) -> Tensor:
    batch, length, width = states.shape
    return states.reshape(batch, length, heads, width // heads).transpose(1, 2)
