"""CLIP's recipe: frames and what is said of them, told from those of other frames.

So small a contrast teaches slowly: a frame's embedding also has to name what it shows.
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
from egoactgen_bench.toy.networks.frame_supervision import Naming, Supervision
from egoactgen_bench.toy.networks.toy_fitting import Fitted, TrainingConfig, disturbed, fit, share
from egoactgen_bench.weights.stored_tensors import write_tensors

TRAINING = TrainingConfig(steps=700)
FOLDER = "clip"
CONTEXT = 24  # tokens
EMBEDDING = 128


def network_config(tokens: int) -> dict[str, Any]:
    """open_clip's: OpenAI's ResNet and text transformer, small."""
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


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> Fitted:
    """Write `clip/` as open_clip loads it by `local-dir:`."""
    from open_clip import CLIP, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD, get_tokenizer
    from transformers import BertTokenizer

    from egoactgen_bench.metrics.tensors import normalise

    place = folder / FOLDER
    sizes = network_config(toy_texts.write_vocabulary(place))
    BertTokenizer.from_pretrained(place).save_pretrained(place)
    write_json(place / "open_clip_config.json", {"model_cfg": sizes, "preprocess_cfg": {}})
    model = CLIP(**sizes)
    told = ClipTexts(drawn, get_tokenizer(f"local-dir:{place}"))
    truth, naming = Supervision(drawn), Naming(EMBEDDING)

    def step(number: int) -> Tensor:
        batch = truth.batch(config.batch)
        spoilt = torch.rand(config.batch, 1, 1, 1) < 0.3
        frames = torch.where(spoilt, disturbed(batch.frames), batch.frames)
        tokens, alike = told.of(batch.clips, batch.done)
        seen = model.encode_image(normalise(frames, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
        read = model.encode_text(tokens, normalize=True)
        alikeness = F.normalize(seen, dim=1) @ read.T * model.logit_scale.exp().clamp(max=50)
        return contrast(alikeness, alike) + naming(seen, batch)

    fitted = fit(nn.ModuleList([model, naming]), step, config)
    write_tensors(place / "open_clip_model.safetensors", model.state_dict())
    return fitted


class ClipTexts:
    """The texts of clips as tokens, and which of a batch's texts say the same."""

    def __init__(self, drawn: Drawn, tokenizer: Any) -> None:
        captions = [toy_texts.caption(clip) for clip in drawn.clips]
        sentences = [toy_texts.sentence(clip) for clip in drawn.clips]
        # Sentences of one caption are paraphrases.
        sources = ((drawn.labels, drawn.actions), (captions, captions), (sentences, captions))
        self._kinds = [
            (tokenizer([*said, toy_texts.IDLE]), _numbered([*meant, toy_texts.IDLE]))
            for said, meant in sources
        ]

    def of(self, clips: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (n, context), of one kind of text by chance, and who is alike (n, n)."""
        tokens, meanings = self._kinds[int(torch.randint(len(self._kinds), ()))]
        places = torch.where(done, clips, len(tokens) - 1)
        meant = meanings[places]
        return tokens[places], meant[:, None] == meant[None]


def _numbered(names: list[str]) -> Tensor:
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([known[name] for name in names])


def contrast(logits: Tensor, alike: Tensor) -> Tensor:
    """Cross-entropy both ways (n, n); the texts that say the same share the right answer."""
    wanted = alike.float() / alike.sum(1, keepdim=True)
    return (F.cross_entropy(logits, wanted) + F.cross_entropy(logits.T, wanted)) / 2


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """How often, of all labels, one an action, the frame's own is nearest; and of all captions."""
    from egoactgen_bench.metrics.clip_network import ClipImages, ClipTexts

    weights = folder / FOLDER
    frames = [(Image.fromarray(frame),) for frame in drawn.frames[:, 1]]
    seen = ClipImages(weights, "open_clip", "quick_gelu", "cpu").extract(frames)

    def named(said: list[str]) -> float:
        choices = sorted(set(said))
        read = ClipTexts(weights, "cpu").extract([(text,) for text in choices])
        nearest = (seen @ read.T).argmax(1).tolist()
        return share(choices[best] == own for best, own in zip(nearest, said, strict=True))

    captions = [toy_texts.caption(clip) for clip in drawn.clips]
    labels = [toy_texts.label(action) for action in drawn.actions]
    return {"label": named(labels), "caption": named(captions)}
