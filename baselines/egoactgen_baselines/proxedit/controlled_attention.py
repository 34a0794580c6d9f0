"""Prompt-to-prompt (arXiv 2208.01626): the source's attention controls the target's."""

from dataclasses import dataclass, field
from math import isqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, scaled_dot_product_attention

from egoactgen_baselines.proxedit.alignment import Alignment

LARGEST_SELF = 32 * 32  # tokens of the largest self-attention that is replaced
LARGEST_MAP = 16 * 16  # tokens of the finest layers that locate words


@dataclass
class PromptToPrompt:
    """Control of a batch whose last 2B rows are [source, target], each with its own prompt.

    In the first fraction `cross_replace` of the steps, cross-attention maps are the alignment's,
    times `emphasis` (B, L); in the first `self_replace`, self-attention maps are the source's.
    `step` is the current step.
    """

    steps: int
    alignment: Alignment
    emphasis: Tensor
    cross_replace: float = 0.8
    self_replace: float = 0.6
    blend: "LocalBlend | None" = None
    step: int = 0

    def attend(self, query: Tensor, key: Tensor, value: Tensor, cross: bool) -> Tensor:
        """Attention of queries (rows, heads, tokens, width) → outputs of the same shape."""
        if cross:
            return self._attend_to_text(query, key, value)
        replaced = self.step < int(self.self_replace * self.steps)
        if replaced and query.shape[2] <= LARGEST_SELF:
            query, key = (self._source_twice(rows) for rows in (query, key))
        return scaled_dot_product_attention(query, key, value)

    def _source_twice(self, rows: Tensor) -> Tensor:
        count = len(self.alignment.kept)
        return torch.cat([rows[:-count], rows[-2 * count : -count]])

    def _attend_to_text(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        # Of steps + 1, where self-attention counts steps: both as in the released code.
        edited = self.step < int(self.cross_replace * (self.steps + 1))
        located = self.blend is not None and query.shape[2] <= LARGEST_MAP
        free = scaled_dot_product_attention(query, key, value)
        if not edited and not located:
            return free
        count = len(self.alignment.kept)
        # By hand, since fused attention does not return its maps.
        scores = query[-2 * count :] @ key[-2 * count :].transpose(-1, -2)
        source, target = (scores * query.shape[-1] ** -0.5).softmax(-1).chunk(2)
        if edited:
            target = self._edited(source, target)
        if self.blend and located:
            self.blend.add(source, target)
        return torch.cat([free[:-count], target @ value[-count:]])

    def _edited(self, source: Tensor, target: Tensor) -> Tensor:
        """Maps of source and target (B, heads, tokens, L) → the target's edited maps."""
        matrix, kept = self.alignment.matrix[:, None], self.alignment.kept[:, None, None]
        mixed = source @ matrix + target * (1 - kept)
        return mixed * self.emphasis[:, None, None]


@dataclass
class LocalBlend:
    """Keeps the source's latent outside the regions that attend to either prompt's own words.

    `words`: (2, B, L), 1 for the words to locate in the source and in the target prompt.
    """

    words: Tensor
    start: int  # number of calls before blending begins
    threshold: float = 0.3
    calls: int = 0
    maps: dict[int, Tensor] = field(default_factory=dict)  # tokens → sum over layers and steps

    def add(self, source: Tensor, target: Tensor) -> None:
        """Accumulate the maps (B, heads, tokens, L) of one layer and step."""
        attended = torch.stack([source, target]) @ self.words[:, :, None, :, None]
        mean = attended[..., 0].mean(2)
        tokens = mean.shape[-1]
        self.maps[tokens] = self.maps[tokens] + mean if tokens in self.maps else mean

    def __call__(self, pair: Tensor) -> Tensor:
        """Latents of source and target (2, B, C, h, w) → blended latents of the same shape."""
        self.calls += 1
        if self.calls <= self.start:
            return pair
        finest = max(self.maps)
        maps = self.maps[finest]
        maps = maps.reshape(*maps.shape[:-1], isqrt(finest), -1)
        spread = max_pool2d(maps, 3, stride=1, padding=1)
        located = interpolate(spread, size=tuple(pair.shape[-2:]))
        peak = located.amax((-2, -1), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)
        mask = (located / peak > self.threshold).any(0)[:, None]
        return torch.where(mask, pair, pair[:1])


class ControlledAttention:
    """An attention processor for all layers of a diffusers UNet; unmodified without `control`."""

    control: PromptToPrompt | None = None

    def __call__(
        self,
        layer: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **unused: Any,
    ) -> Tensor:
        cross = encoder_hidden_states is not None
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        inputs = (layer.to_q(hidden_states), layer.to_k(context), layer.to_v(context))
        query, key, value = (x.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for x in inputs)
        if self.control is None:
            attended = scaled_dot_product_attention(query, key, value)
        else:
            attended = self.control.attend(query, key, value, cross)
        output: Tensor = layer.to_out[0](attended.transpose(1, 2).flatten(2))
        return output
