"""Prompt-to-prompt (arXiv 2208.01626): the target's attention, controlled by the source's."""

from dataclasses import dataclass, field
from math import isqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, scaled_dot_product_attention

from egoactgen_baselines.proxedit.alignment import Alignment

LARGEST_SELF = 32 * 32  # tokens of the largest self-attention that is replaced
LARGEST_MAP = 16 * 16  # tokens of the finest layers that tell where a word is


@dataclass
class PromptToPrompt:
    """Control of a batch whose last 2B rows are [source, target], under their own prompts.

    Cross-attention is edited in the first `cross_replace` of the steps: to the alignment's maps,
    times `emphasis`, (B, L). Self-attention is the source's in the first `self_replace`. `step` is
    the step under way.
    """

    steps: int
    alignment: Alignment
    emphasis: Tensor
    cross_replace: float = 0.8
    self_replace: float = 0.6
    blend: "LocalBlend | None" = None
    step: int = 0

    def attend(self, query: Tensor, key: Tensor, value: Tensor, cross: bool) -> Tensor:
        """(rows, heads, tokens, width) of queries → attended values of that shape."""
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
        edited = self.step < int(self.cross_replace * (self.steps + 1))
        located = self.blend is not None and query.shape[2] <= LARGEST_MAP
        free = scaled_dot_product_attention(query, key, value)
        if not edited and not located:
            return free
        count = len(self.alignment.kept)
        scores = query[-2 * count :] @ key[-2 * count :].transpose(-1, -2)
        source, target = (scores * query.shape[-1] ** -0.5).softmax(-1).chunk(2)
        if edited:
            target = self._edited(source, target)
        if self.blend and located:
            self.blend.add(source, target)
        return torch.cat([free[:-count], target @ value[-count:]])

    def _edited(self, source: Tensor, target: Tensor) -> Tensor:
        """(B, heads, tokens, L) maps of both → the target's."""
        matrix, kept = self.alignment.matrix[:, None], self.alignment.kept[:, None, None]
        mixed = source @ matrix + target * (1 - kept)
        return mixed * self.emphasis[:, None, None]


@dataclass
class LocalBlend:
    """Keeps the source's latent where neither prompt's own words are attended to.

    `words`: (2, B, L), 1 at the words to locate in the source and in the target prompt.
    """

    words: Tensor
    start: int  # of its calls, how many do nothing
    threshold: float = 0.3
    calls: int = 0
    maps: dict[int, Tensor] = field(default_factory=dict)  # tokens → sum over layers and steps

    def add(self, source: Tensor, target: Tensor) -> None:
        """Take in one layer's maps, (B, heads, tokens, L) each, of one step."""
        attended = torch.stack([source, target]) @ self.words[:, :, None, :, None]
        mean = attended[..., 0].mean(2)
        tokens = mean.shape[-1]
        self.maps[tokens] = self.maps[tokens] + mean if tokens in self.maps else mean

    def __call__(self, pair: Tensor) -> Tensor:
        """(2, B, C, h, w) latents of source and target → the same, blended."""
        self.calls += 1
        if self.calls <= self.start:
            return pair
        finest = max(self.maps)
        maps = self.maps[finest].unflatten(-1, (isqrt(finest), -1))
        spread = max_pool2d(maps, 3, stride=1, padding=1)
        located = interpolate(spread, size=tuple(pair.shape[-2:]))
        peak = located.amax((-2, -1), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)
        mask = (located / peak > self.threshold).any(0)[:, None]
        return torch.where(mask, pair, pair[:1])


class ControlledAttention:
    """An attention processor for every layer of a diffusers UNet; without `control` it is plain."""

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
