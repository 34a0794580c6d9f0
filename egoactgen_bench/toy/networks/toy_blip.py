"""BLIP's recipe: it writes a caption of the frame; its image tower starts from the toy's DINOv2."""

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
from egoactgen_bench.toy.networks.frame_supervision import Naming, Supervision
from egoactgen_bench.toy.networks.object_maps import SIDE
from egoactgen_bench.toy.networks.toy_dino import DEPTH, WIDTH
from egoactgen_bench.toy.networks.toy_egovlp import space_blocks
from egoactgen_bench.toy.networks.toy_fitting import Fitted, TrainingConfig, disturbed, fit, share
from egoactgen_bench.weights.stored_tensors import read_tensors, write_folder

TRAINING = TrainingConfig(steps=550, batch=48)
FOLDER = "blip"
IGNORED = -100  # by the loss
SPREAD = 0.1  # of first weights: BERT's 0.02 is for widths of 768, and here would hide the frame


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


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> Fitted:
    """Write `blip/` as transformers loads it."""
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
    told = _captions(drawn, tokenizer, sizes.text_config.bos_token_id)
    prompt = len(tokenizer(Decoding.prompt)["input_ids"]) - 1
    truth, naming = Supervision(drawn, before=0.1), Naming(WIDTH)

    def step(number: int) -> Tensor:
        batch = truth.batch(config.batch)
        spoilt = torch.rand(config.batch, 1, 1, 1) < 0.3
        frames = torch.where(spoilt, disturbed(batch.frames), batch.frames)
        tokens = told[torch.where(batch.done, batch.clips, len(told) - 1)]
        seen = model.vision_model(normalise(frames, IMAGENET_MEAN, IMAGENET_STD)).last_hidden_state
        wanted = tokens.masked_fill(tokens == 0, IGNORED)
        wanted[:, :prompt] = IGNORED
        loss: Tensor = model.text_decoder(
            input_ids=tokens,
            attention_mask=(tokens > 0).long(),
            encoder_hidden_states=seen,
            labels=wanted,
        ).loss
        return 4 * loss + 0.5 * naming(seen[:, 0], batch)

    fitted = fit(nn.ModuleList([model, naming]), step, config)
    write_folder(place, model)
    return fitted


def _start(vision: Any, dino: Path) -> None:
    """Give the tower the blocks of a DINOv2."""
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
    """(n + 1, length) tokens of the prompted captions, the last one for frames before."""
    said = [*(toy_texts.caption(clip) for clip in drawn.clips), toy_texts.IDLE]
    prompted = [f"{Decoding.prompt} {text}" for text in said]
    tokens: Tensor = tokenizer(prompted, padding=True, return_tensors="pt")["input_ids"]
    tokens[:, 0] = start
    return tokens


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """Shares of captions that are right throughout, and in the hand and the deed."""
    from egoactgen_bench.captioning.transformers_blip import TransformersCaptioner

    captioner = TransformersCaptioner(folder / FOLDER, Decoding(), "cpu")
    found = captioner.caption([Image.fromarray(frame) for frame in drawn.frames[:, 1]])
    wanted = [toy_texts.caption(clip) for clip in drawn.clips]

    def deed(text: str) -> str:
        return text.partition(" on the ")[0].partition(" in the middle")[0]

    pairs = list(zip(found, wanted, strict=True))
    return {
        "caption": share(ours == true for ours, true in pairs),
        "hand_and_deed": share(deed(ours) == deed(true) for ours, true in pairs),
    }
