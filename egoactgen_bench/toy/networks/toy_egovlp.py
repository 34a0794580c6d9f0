"""EgoVLP's recipe: contrastive learning of clips (frames before and after) and their texts.

Both towers use EgoVLP's own classes. The video tower's spatial blocks are initialised from the toy
DINOv2, and its temporal attention is zero at first. As in the metrics, a clip repeats one frame or
shows the frame before and then the one after. Training uses clips of two frames; the temporal
embedding is then repeated for four. A classifier shared by clips and texts also predicts the
action: with batches this small the contrastive loss alone does not converge.
"""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.metrics.egovlp_network import SpaceTimeTransformer, TextTower, VideoTower
from egoactgen_bench.metrics.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise
from egoactgen_bench.support.files import write_json
from egoactgen_bench.toy.networks import toy_texts
from egoactgen_bench.toy.networks.drawn_clips import SIZE, Drawn
from egoactgen_bench.toy.networks.frame_supervision import AuxiliaryHeads, FrameBatch, Supervision
from egoactgen_bench.toy.networks.object_maps import SIDE
from egoactgen_bench.toy.networks.toy_clip import ClipTexts, contrastive_loss
from egoactgen_bench.toy.networks.toy_dino import DEPTH, WIDTH
from egoactgen_bench.toy.networks.toy_fitting import (
    TrainingConfig,
    TrainingResult,
    corrupted,
    fit,
    fraction,
)
from egoactgen_bench.weights.stored_tensors import read_tensors, write_tensors

TRAINING = TrainingConfig(steps=650, rate=1.5e-3, batch=48)
FILE, DISTILBERT = "egovlp.safetensors", "distilbert"
FRAMES, EMBEDDING = 2, 128
STORED = 4  # frames per clip of the saved weights: each of the two embeddings is repeated
STILL = 0.55  # fraction of clips that repeat one frame
BEFORE = 0.15  # fraction of those that repeat the frame before the action


class _Towers(nn.Module):
    def __init__(self, video: VideoTower, text: TextTower) -> None:
        super().__init__()
        self.video, self.text = video, text
        self.scale = nn.Parameter(torch.tensor(2.5))
        self.heads = AuxiliaryHeads(EMBEDDING)

    def forward(
        self, clips: Tensor, tokens: Tensor, positives: Tensor, batch: FrameBatch
    ) -> Tensor:
        video, text = self.video(clips), self.text(tokens, (tokens > 0).long())
        cosines = F.normalize(video, dim=1) @ F.normalize(text, dim=1).T
        matching = contrastive_loss(cosines * self.scale.exp().clamp(max=50), positives)
        text_loss = F.cross_entropy(self.heads.classifiers[0](text), batch.names[:, 0])
        video_loss: Tensor = self.heads(video, batch)
        return matching + text_loss + video_loss


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> TrainingResult:
    """Write `egovlp.safetensors`, and `distilbert/` with the tokenizer and configuration."""
    towers = _Towers(_video_tower(folder / "dinov2"), _text_tower(folder / DISTILBERT))
    texts, truth = ClipTexts(drawn, _tokenizer(folder / DISTILBERT)), Supervision(drawn)

    def step(number: int) -> Tensor:
        chosen = torch.randint(len(drawn), (config.batch,))
        clips, done = _sample_clips(drawn, chosen)
        tokens, positives = texts.of(chosen, done)
        batch = truth.of(chosen, done)
        clips = normalise(clips, IMAGENET_MEAN, IMAGENET_STD)
        loss: Tensor = towers(clips, tokens, positives, batch)
        return loss

    result = fit(towers, step, config)
    state = towers.video.state_dict() | towers.text.state_dict()
    temporal = state["video_model.temporal_embed"].repeat_interleave(STORED // FRAMES, dim=1)
    write_tensors(folder / FILE, state | {"video_model.temporal_embed": temporal})
    return result


def _sample_clips(drawn: Drawn, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 2, 3, 64, 64) clips of two frames in [0, 1], and whether they show the action (n,)."""
    pairs = torch.from_numpy(drawn.frames[chosen.numpy()]).permute(0, 1, 4, 2, 3) / 255
    corrupt = torch.rand(len(pairs), 1, 1, 1) < 0.3
    pairs[:, 1] = torch.where(corrupt, corrupted(pairs[:, 1]), pairs[:, 1])
    still, before = torch.rand(2, len(pairs))
    first, last = still < STILL, (still < STILL) & (before < BEFORE)
    pairs[first, 0] = pairs[first, 1]
    pairs[last] = (
        torch.from_numpy(drawn.frames[chosen[last].numpy(), :1]).permute(0, 1, 4, 2, 3) / 255
    )
    return pairs, ~last


def _video_tower(dino: Path) -> VideoTower:
    """A tower initialised with the blocks of a DINOv2; temporal attention outputs zero."""
    transformer = SpaceTimeTransformer(
        width=WIDTH,
        hidden=2 * WIDTH,
        depth=DEPTH,
        patch=SIZE // SIDE,
        positions=SIDE**2,
        frames=FRAMES,
    )
    state = transformer.state_dict() | space_blocks(read_tensors(dino / "model.safetensors"))
    zeros = {name: torch.zeros_like(state[name]) for name in state if ".timeattn.proj." in name}
    transformer.load_state_dict(state | zeros)
    return VideoTower(transformer, EMBEDDING)


def space_blocks(dino: dict[str, Tensor]) -> dict[str, Tensor]:
    """DINOv2's parameters under the names of EgoVLP's tower, with layer scales folded in."""
    state = {
        "cls_token": dino["embeddings.cls_token"],
        "pos_embed": dino["embeddings.position_embeddings"],
        "patch_embed.proj.weight": dino["embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": dino["embeddings.patch_embeddings.projection.bias"],
        "norm.weight": dino["layernorm.weight"],
        "norm.bias": dino["layernorm.bias"],
    }
    for number in range(DEPTH):
        old, new = f"encoder.layer.{number}", f"blocks.{number}"
        scales = [dino[f"{old}.layer_scale{part}.lambda1"] for part in (1, 2)]
        for kind in ("weight", "bias"):
            projections = [
                dino[f"{old}.attention.attention.{part}.{kind}"]
                for part in ("query", "key", "value")
            ]
            scale = [each[:, None] if kind == "weight" else each for each in scales]
            state |= {
                f"{new}.norm1.{kind}": dino[f"{old}.norm1.{kind}"],
                f"{new}.norm2.{kind}": dino[f"{old}.norm2.{kind}"],
                f"{new}.attn.qkv.{kind}": torch.cat(projections),
                f"{new}.attn.proj.{kind}": dino[f"{old}.attention.output.dense.{kind}"] * scale[0],
                f"{new}.mlp.fc1.{kind}": dino[f"{old}.mlp.fc1.{kind}"],
                f"{new}.mlp.fc2.{kind}": dino[f"{old}.mlp.fc2.{kind}"] * scale[1],
            }
    return state


def _text_tower(folder: Path) -> TextTower:
    from transformers import DistilBertConfig

    sizes = DistilBertConfig(
        vocab_size=toy_texts.write_vocabulary(folder),
        max_position_embeddings=48,
        dim=WIDTH,
        hidden_dim=2 * WIDTH,
        n_layers=1,
        n_heads=3,
        initializer_range=0.1,  # BERT's 0.02 is meant for a width of 768
        dropout=0.0,
        attention_dropout=0.0,
    )
    write_json(folder / "config.json", sizes.to_diff_dict())
    return TextTower(sizes, EMBEDDING)


def _tokenizer(folder: Path) -> Any:
    from egoactgen_bench.metrics.egovlp_text import SentenceEncoder

    tokenizer = SentenceEncoder.load_tokenizer(folder)
    return lambda texts: tokenizer(texts, padding=True, return_tensors="pt")["input_ids"]


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """Zero-shot accuracy over all labels: of repeated frames after and before, and of both."""
    from egoactgen_bench.metrics.egovlp_features import EgovlpClips, EgovlpSentences

    sentences = EgovlpSentences(folder / FILE, folder / DISTILBERT, "cpu")
    clips = EgovlpClips(folder / FILE, STORED, True, "lanczos", "zeros", "cpu")
    own = [toy_texts.label(action) for action in drawn.actions]
    choices = sorted(set(own))
    text_features = torch.from_numpy(sentences.extract([(text,) for text in choices]))
    text_features = F.normalize(text_features, dim=1)
    after = [Image.fromarray(frame) for frame in drawn.frames[:, 1]]
    before = [Image.fromarray(frame) for frame in drawn.frames[:, 0]]

    def accuracy(items: list[tuple[Image.Image, ...]]) -> float:
        nearest = (torch.from_numpy(clips.extract(items)) @ text_features.T).argmax(1).tolist()
        return fraction(choices[n] == label for n, label in zip(nearest, own, strict=True))

    return {
        "action_of_still": accuracy([(frame,) for frame in after]),
        "action_of_before_and_after": accuracy(list(zip(before, after, strict=True))),
        "action_of_still_before": accuracy([(frame,) for frame in before]),
    }
