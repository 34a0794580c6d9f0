"""CLIP's recipe: frames and their labels or captions, told from those of other frames."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from egoactgen_bench.files import write_json
from egoactgen_bench.toy_models import texts
from egoactgen_bench.toy_models.drawn import SIZE, Drawn
from egoactgen_bench.toy_models.fitting import Course, Fitted, disturbed, fit, share
from egoactgen_bench.toy_models.supervision import Supervision
from egoactgen_bench.weights.stored import write_tensors

COURSE = Course(steps=900)
FOLDER = "clip"
CONTEXT = 24  # tokens


def config(tokens: int) -> dict[str, Any]:
    """open_clip's: OpenAI's ResNet and text transformer, small."""
    return {
        "embed_dim": 128,
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
            "eos_id": texts.SPECIAL.index("[SEP]"),
        },
    }


def train(drawn: Drawn, folder: Path, course: Course = COURSE, seed: int = 0) -> Fitted:
    """Write `clip/` as open_clip loads it by `local-dir:`."""
    from open_clip import CLIP, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD, get_tokenizer
    from transformers import BertTokenizer

    from egoactgen_bench.metrics.tensors import normalise

    place = folder / FOLDER
    sizes = config(texts.write_vocabulary(place))
    BertTokenizer.from_pretrained(place).save_pretrained(place)
    write_json(place / "open_clip_config.json", {"model_cfg": sizes, "preprocess_cfg": {}})
    model = CLIP(**sizes)
    told = Told(drawn, get_tokenizer(f"local-dir:{place}"))
    truth = Supervision(drawn)

    def step(number: int) -> Tensor:
        visit = truth.visit(course.batch)
        spoilt = torch.rand(course.batch, 1, 1, 1) < 0.3
        frames = torch.where(spoilt, disturbed(visit.frames), visit.frames)
        tokens, alike = told.of(visit.clips, visit.done)
        seen = model.encode_image(
            normalise(frames, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD), normalize=True
        )
        read = model.encode_text(tokens, normalize=True)
        return contrast(seen @ read.T * model.logit_scale.exp().clamp(max=50), alike)

    fitted = fit(model, step, course, seed)
    write_tensors(place / "open_clip_model.safetensors", model.state_dict())
    return fitted


class Told:
    """The texts of clips as tokens, and which of a batch's texts say the same."""

    def __init__(self, drawn: Drawn, tokenizer: Any) -> None:
        self._actions = [texts.IDLE, *sorted(set(drawn.actions))]
        captions = [texts.caption(clip) for clip in drawn.clips]
        self._labels = tokenizer([*drawn.labels, texts.IDLE])
        self._captions = tokenizer([*captions, texts.IDLE])
        self._label_keys = torch.tensor([*map(self._actions.index, drawn.actions), 0])
        known = [texts.IDLE, *sorted(set(captions))]
        self._caption_keys = torch.tensor([*map(known.index, captions), 0])

    def of(self, clips: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (n, context), by chance of labels or of captions, and who is alike (n, n)."""
        places = torch.where(done, clips, len(self._labels) - 1)
        if torch.rand(()) < 0.5:
            tokens, keys = self._labels, self._label_keys
        else:
            tokens, keys = self._captions, self._caption_keys
        keys = keys[places]
        return tokens[places], keys[:, None] == keys[None]


def contrast(logits: Tensor, alike: Tensor) -> Tensor:
    """Cross-entropy both ways (n, n); the texts that say the same share the right answer."""
    wanted = alike.float() / alike.sum(1, keepdim=True)
    return (F.cross_entropy(logits, wanted) + F.cross_entropy(logits.T, wanted)) / 2


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """How often, of all actions' names, the frame's own is nearest; and of the captions."""
    from egoactgen_bench.metrics.clip_network import ClipImages, ClipTexts

    weights = folder / FOLDER
    frames = [(Image.fromarray(frame),) for frame in drawn.frames[:, 1]]
    seen = ClipImages(weights, "open_clip", "quick_gelu", "cpu").extract(frames)

    def named(said: list[str]) -> float:
        choices = sorted(set(said))
        read = ClipTexts(weights, "cpu").extract([(text,) for text in choices])
        nearest = (seen @ read.T).argmax(1).tolist()
        return share(choices[best] == own for best, own in zip(nearest, said, strict=True))

    captions = [texts.caption(clip) for clip in drawn.clips]
    return {"action": named(drawn.actions), "caption": named(captions)}
