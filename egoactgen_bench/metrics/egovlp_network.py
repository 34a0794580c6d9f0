"""EgoVLP's two towers: a space-time transformer for clips, DistilBERT for sentences.

Source: Lin et al., Egocentric Video-Language Pretraining (2022); Bain et al., Frozen in Time (2021)
for the divided space-time attention. Parameter names are those of the published checkpoints.
"""

from math import isqrt
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from transformers import DistilBertConfig

HEAD_WIDTH = 64  # channels per attention head, in ViT-B and all smaller towers


class DividedAttention(nn.Module):
    """Self-attention within groups of patches; the class token is a key in every group.

    A group is the patches of one frame, or (`across_time`) those at one position in all frames. The
    class token itself attends to all tokens.
    """

    def __init__(self, width: int, across_time: bool) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD_WIDTH)
        self.across_time = across_time
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, frames: int) -> Tensor:
        """`tokens` (batch, 1 + frames·positions, width), frame by frame → the same shape."""
        query, key, value = self._split(tokens)
        to_all = _attend(query[:, :1], key, value)
        groups = self._group(query, frames)
        keys, values = (
            torch.cat((heads[:, None, :1].expand(-1, groups.shape[1], -1, -1, -1), patches), dim=2)
            for heads, patches in (
                (key, self._group(key, frames)),
                (value, self._group(value, frames)),
            )
        )
        patches = _attend(groups.flatten(0, 1), keys.flatten(0, 1), values.flatten(0, 1))
        patches = patches.view_as(groups)
        if self.across_time:
            patches = patches.transpose(1, 2)
        return self._join(torch.cat((to_all, patches.flatten(1, 2)), dim=1))

    def class_token(self, tokens: Tensor) -> Tensor:
        """Only the class token of `forward`, (batch, 1, width)."""
        query, key, value = self._split(tokens)
        return self._join(_attend(query[:, :1], key, value))

    def _split(self, tokens: Tensor) -> tuple[Tensor, ...]:
        return torch.unflatten(self.qkv(tokens), -1, (3, self.heads, -1)).unbind(2)

    def _join(self, heads: Tensor) -> Tensor:
        joined: Tensor = self.proj(heads.flatten(2))
        return joined

    def _group(self, heads: Tensor, frames: int) -> Tensor:
        patches = torch.unflatten(heads[:, 1:], 1, (frames, -1))
        return patches.transpose(1, 2) if self.across_time else patches


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention over the second axis of (batch, tokens, heads, channels)."""
    attended = scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    )
    return attended.transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        output: Tensor = self.fc2(nn.functional.gelu(self.fc1(tokens)))
        return output


class SpaceTimeBlock(nn.Module):
    """Pre-norm block: attention across time, attention within frames, feed-forward.

    The residual of both attentions is the block's input.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.norm3 = nn.LayerNorm(width, eps=1e-6)
        self.timeattn = DividedAttention(width, across_time=True)
        self.attn = DividedAttention(width, across_time=False)
        self.mlp = FeedForward(width, hidden)

    def forward(self, x: Tensor, frames: int, class_token_only: bool = False) -> Tensor:
        """`x` (batch, 1 + frames·positions, width) → the same shape.

        With `class_token_only`, only the class token, (batch, 1, width), at 6/16 of the cost.
        """
        in_time = self.norm1(x + self.timeattn(self.norm3(x), frames))
        if class_token_only:
            x = x[:, :1] + self.attn.class_token(in_time)
        else:
            x = x + self.attn(in_time, frames)
        output: Tensor = x + self.mlp(self.norm2(x))
        return output


class PatchEmbedding(nn.Module):
    """Cuts frames into square patches and maps each to a token."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, frames: Tensor) -> Tensor:
        """(n, 3, height, width) → (n, positions, channels)."""
        patches: Tensor = self.proj(frames)
        return patches.flatten(2).transpose(1, 2)


class SpaceTimeTransformer(nn.Module):
    """ViT with divided space-time attention; the output is the class token after the last norm."""

    def __init__(
        self, width: int, hidden: int, depth: int, patch: int, positions: int, frames: int
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(patch, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + positions, width))
        self.temporal_embed = nn.Parameter(torch.zeros(1, frames, width))
        self.blocks = nn.ModuleList(SpaceTimeBlock(width, hidden) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, clips: Tensor) -> Tensor:
        """`clips` (batch, frames, 3, height, width), ImageNet-normalised → (batch, width)."""
        frames = clips.shape[1]
        patches = torch.unflatten(self.patch_embed(clips.flatten(0, 1)), 0, (-1, frames))
        patches = patches + self.pos_embed[:, None, 1:] + self.temporal_embed[:, :, None]
        class_token = (self.cls_token + self.pos_embed[:, :1]).expand(len(clips), -1, -1)
        x = torch.cat((class_token, patches.flatten(1, 2)), dim=1)
        for block in self.blocks:
            x = block(x, frames, class_token_only=block is self.blocks[-1])
        normed: Tensor = self.norm(x)
        return normed[:, 0]


class VideoTower(nn.Module):
    """Maps clips to joint embeddings; unlike `TextTower`, without a ReLU before the projection."""

    def __init__(self, transformer: SpaceTimeTransformer, embedding: int) -> None:
        super().__init__()
        self.video_model = transformer
        self.vid_proj = nn.Sequential(nn.Linear(transformer.norm.normalized_shape[0], embedding))

    @property
    def frames(self) -> int:
        """Number of frames of a clip."""
        return int(self.video_model.temporal_embed.shape[1])

    @property
    def image_size(self) -> int:
        """Height and width of a clip's frames, in pixels."""
        positions = self.video_model.pos_embed.shape[1] - 1
        return isqrt(positions) * int(self.video_model.patch_embed.proj.stride[0])

    def forward(self, clips: Tensor) -> Tensor:
        """`clips` (batch, frames, 3, size, size), ImageNet-normalised → (batch, 256)."""
        embedded: Tensor = self.vid_proj(self.video_model(clips))
        return embedded


class TextTower(nn.Module):
    """Maps tokens to joint embeddings: DistilBERT's first token → ReLU → linear."""

    def __init__(self, config: "DistilBertConfig", embedding: int) -> None:
        from transformers import DistilBertModel

        super().__init__()
        self.text_model = DistilBertModel(config)
        self.txt_proj = nn.Sequential(nn.ReLU(), nn.Linear(config.dim, embedding))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Both (batch, length) int64; the mask is 0 at padding → (batch, 256)."""
        hidden = self.text_model(input_ids, attention_mask=attention_mask).last_hidden_state
        embedded: Tensor = self.txt_proj(hidden[:, 0])
        return embedded
