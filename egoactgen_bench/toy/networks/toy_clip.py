"""CLIP's recipe: contrastive learning of frames and their texts.

With batches this small the contrastive loss learns slowly, so auxiliary heads also predict a
frame's labels from its embedding.
"""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.support.files import write_json
from egoactgen_bench.toy.networks import toy_texts
from egoactgen_bench.toy.networks.drawn_clips import SIZE, Drawn
from egoactgen_bench.toy.networks.frame_supervision import AuxiliaryHeads, Supervision
from egoactgen_bench.toy.networks.toy_fitting import (
    TrainingConfig,
    TrainingResult,
    corrupted,
    fit,
    fraction,
)
from egoactgen_bench.weights.stored_tensors import write_tensors

TRAINING = TrainingConfig(steps=700)
FOLDER = "clip"
CONTEXT = 24  # tokens
EMBEDDING = 128


def network_config(tokens: int) -> dict[str, Any]:
    """open_clip's configuration of a small CLIP (OpenAI's ResNet and text transformer)."""
    return {
        "embed_dim": EMBEDDING,
        "vision_cfg": {
            "image_size": SIZE,
            "layers": [2, 2, 2, 1],
            "width": 8,
            "head_width": 64,
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": tokens,
            "hf_tokenizer_name": "vocab.txt",
            "width": 96,
            "heads": 3,
            "layers": 1,
            "pool_type": "eos",
            "eos_id": toy_texts.SPECIAL.index("[SEP]"),
        },
    }


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> TrainingResult:
    """Write `clip/` in open_clip's format, for its `local-dir:` scheme."""
    from open_clip import CLIP, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD, get_tokenizer
    from transformers import BertTokenizer

    from egoactgen_bench.metrics.tensors import normalise

    place = folder / FOLDER
    sizes = network_config(toy_texts.write_vocabulary(place))
    BertTokenizer.from_pretrained(place).save_pretrained(place)
    write_json(place / "open_clip_config.json", {"model_cfg": sizes, "preprocess_cfg": {}})
    model = CLIP(**sizes)
    texts = ClipTexts(drawn, get_tokenizer(f"local-dir:{place}"))
    truth, heads = Supervision(drawn), AuxiliaryHeads(EMBEDDING)

    def step(number: int) -> Tensor:
        batch = truth.batch(config.batch)
        corrupt = torch.rand(config.batch, 1, 1, 1) < 0.3
        frames = torch.where(corrupt, corrupted(batch.frames), batch.frames)
        tokens, positives = texts.of(batch.clips, batch.done)
        frames = normalise(frames, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
        image_features = model.encode_image(frames)
        text_features = model.encode_text(tokens, normalize=True)
        scale = model.logit_scale.exp().clamp(max=50)
        logits = F.normalize(image_features, dim=1) @ text_features.T * scale
        auxiliary_loss: Tensor = heads(image_features, batch)
        return contrastive_loss(logits, positives) + auxiliary_loss

    result = fit(nn.ModuleList([model, heads]), step, config)
    write_tensors(place / "open_clip_model.safetensors", model.state_dict())
    return result


class ClipTexts:
    """The tokenized texts of clips, and which texts of a batch have the same meaning."""

    def __init__(self, drawn: Drawn, tokenizer: Any) -> None:
        captions = [toy_texts.caption(clip) for clip in drawn.clips]
        sentences = [toy_texts.sentence(clip) for clip in drawn.clips]
        # Sentences of one caption are paraphrases.
        sources = ((drawn.labels, drawn.actions), (captions, captions), (sentences, captions))
        self._kinds = [
            (tokenizer([*texts, toy_texts.IDLE]), _numbered([*meanings, toy_texts.IDLE]))
            for texts, meanings in sources
        ]

    def of(self, clips: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (n, context) of one random kind of text, and the positive pairs (n, n)."""
        tokens, meanings = self._kinds[int(torch.randint(len(self._kinds), ()))]
        rows = torch.where(done, clips, len(tokens) - 1)
        chosen = meanings[rows]
        return tokens[rows], chosen[:, None] == chosen[None]


def _numbered(names: list[str]) -> Tensor:
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([known[name] for name in names])


def contrastive_loss(logits: Tensor, positives: Tensor) -> Tensor:
    """Symmetric cross-entropy of logits (n, n), uniform over the positives (n, n) of each row."""
    target = positives.float() / positives.sum(1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """Zero-shot accuracy of frames after the action, over all labels and over all captions."""
    from egoactgen_bench.metrics.clip_network import ClipImages, ClipTexts

    weights = folder / FOLDER
    frames = [(Image.fromarray(frame),) for frame in drawn.frames[:, 1]]
    image_features = ClipImages(weights, "open_clip", "quick_gelu", "cpu").extract(frames)

    def accuracy(texts: list[str]) -> float:
        choices = sorted(set(texts))
        text_features = ClipTexts(weights, "cpu").extract([(text,) for text in choices])
        nearest = (image_features @ text_features.T).argmax(1).tolist()
        return fraction(choices[best] == own for best, own in zip(nearest, texts, strict=True))

    captions = [toy_texts.caption(clip) for clip in drawn.clips]
    labels = [toy_texts.label(action) for action in drawn.actions]
    return {"label": accuracy(labels), "caption": accuracy(captions)}
