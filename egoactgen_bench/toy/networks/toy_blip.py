"""BLIP's recipe: captions of frames; the image tower is initialised from the toy DINOv2."""

import re
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.captioning.captioner import Decoding
from egoactgen_bench.metrics.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise
from egoactgen_bench.toy.networks import toy_texts
from egoactgen_bench.toy.networks.drawn_clips import SIZE, Drawn
from egoactgen_bench.toy.networks.frame_supervision import AuxiliaryHeads, Supervision
from egoactgen_bench.toy.networks.object_maps import SIDE
from egoactgen_bench.toy.networks.toy_dino import DEPTH, WIDTH
from egoactgen_bench.toy.networks.toy_egovlp import space_blocks
from egoactgen_bench.toy.networks.toy_fitting import (
    TrainingConfig,
    TrainingResult,
    corrupted,
    fit,
    fraction,
)
from egoactgen_bench.weights.stored_tensors import read_tensors, write_folder

TRAINING = TrainingConfig(steps=550, batch=48)
FOLDER = "blip"
IGNORED = -100  # label that the loss skips
# Standard deviation of initial weights: with BERT's 0.02, meant for a width of 768, the decoder
# would hardly see the frame.
SPREAD = 0.1


def network_config(words: int) -> Any:
    from transformers import BlipConfig

    shared = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH}
    return BlipConfig(
        vision_config=shared
        | {
            "num_hidden_layers": DEPTH,
            "num_attention_heads": 1,
            "image_size": SIZE,
            "patch_size": SIZE // SIDE,
            "layer_norm_eps": 1e-6,
        },
        text_config=shared
        | {
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "encoder_hidden_size": WIDTH,
            "max_position_embeddings": 40,
            "initializer_range": SPREAD,
            "vocab_size": words + 2,
            "bos_token_id": words,
            "sep_token_id": toy_texts.SPECIAL.index("[SEP]"),
            "pad_token_id": toy_texts.SPECIAL.index("[PAD]"),
        },
    )


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> TrainingResult:
    """Write `blip/` in transformers' format."""
    from transformers import BertTokenizer, BlipForConditionalGeneration
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    place = folder / FOLDER
    sizes = network_config(toy_texts.write_vocabulary(place))
    tokenizer = BertTokenizer.from_pretrained(place)
    tokenizer.save_pretrained(place)
    size = {"height": SIZE, "width": SIZE}
    BlipImageProcessorPil(
        size=size, image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD
    ).save_pretrained(place)
    model = BlipForConditionalGeneration(sizes)
    _start(model.vision_model, folder / "dinov2")
    captions = _captions(drawn, tokenizer, sizes.text_config.bos_token_id)
    prompt = len(tokenizer(Decoding.prompt)["input_ids"]) - 1
    truth, heads = Supervision(drawn, before=0.1), AuxiliaryHeads(WIDTH)

    def step(number: int) -> Tensor:
        batch = truth.batch(config.batch)
        corrupt = torch.rand(config.batch, 1, 1, 1) < 0.3
        frames = torch.where(corrupt, corrupted(batch.frames), batch.frames)
        tokens = captions[torch.where(batch.done, batch.clips, len(captions) - 1)]
        frames = normalise(frames, IMAGENET_MEAN, IMAGENET_STD)
        image_features = model.vision_model(frames).last_hidden_state
        labels = tokens.masked_fill(tokens == 0, IGNORED)
        labels[:, :prompt] = IGNORED
        caption_loss: Tensor = model.text_decoder(
            input_ids=tokens,
            attention_mask=(tokens > 0).long(),
            encoder_hidden_states=image_features,
            labels=labels,
        ).loss
        auxiliary_loss: Tensor = heads(image_features[:, 0], batch)
        return 4 * caption_loss + 0.5 * auxiliary_loss

    result = fit(nn.ModuleList([model, heads]), step, config)
    write_folder(place, model)
    return result


def _start(vision: Any, dino: Path) -> None:
    """Initialise the image tower with the blocks of a DINOv2."""
    state = {}
    for name, tensor in space_blocks(read_tensors(dino / "model.safetensors")).items():
        for old, new in _NAMES:
            name = name.replace(old, new)
        state[re.sub(r"^norm\.", "post_layernorm.", name)] = tensor
    vision.load_state_dict(state)


_NAMES = (
    ("cls_token", "embeddings.class_embedding"),
    ("pos_embed", "embeddings.position_embedding"),
    ("patch_embed.proj", "embeddings.patch_embedding"),
    ("blocks.", "encoder.layers."),
    (".norm", ".layer_norm"),
    ("attn.qkv", "self_attn.qkv"),
    ("attn.proj", "self_attn.projection"),
)


def _captions(drawn: Drawn, tokenizer: Any, start: int) -> Tensor:
    """(n + 1, length) tokens of the prompted captions; the last is for frames before the action."""
    captions = [*(toy_texts.caption(clip) for clip in drawn.clips), toy_texts.IDLE]
    prompted = [f"{Decoding.prompt} {text}" for text in captions]
    tokens: Tensor = tokenizer(prompted, padding=True, return_tensors="pt")["input_ids"]
    tokens[:, 0] = start
    return tokens


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """Fractions of captions that are correct as a whole, and up to the place."""
    from egoactgen_bench.captioning.transformers_blip import TransformersCaptioner

    captioner = TransformersCaptioner(folder / FOLDER, Decoding(), "cpu")
    predicted = captioner.caption([Image.fromarray(frame) for frame in drawn.frames[:, 1]])
    references = [toy_texts.caption(clip) for clip in drawn.clips]

    def without_place(text: str) -> str:
        return text.partition(" on the ")[0].partition(" in the middle")[0]

    pairs = list(zip(predicted, references, strict=True))
    return {
        "caption": fraction(ours == true for ours, true in pairs),
        "hand_and_deed": fraction(
            without_place(ours) == without_place(true) for ours, true in pairs
        ),
    }
