"""Small BLIP captioners with random weights and a small vocabulary, and frames for them."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "a picture of the person hand holding cup knife opens cuts ##s ##ing on table . , ' s red"
WIDTH = 128  # two heads of BLIP's 64 channels


def write_small_blip(folder: Path, seed: int = 0) -> Path:
    """A folder as published on the hub, whose sentences differ from frame to frame."""
    from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    folder.mkdir(parents=True)
    vocabulary = [*SPECIAL, *dict.fromkeys(WORDS.split())]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    BlipImageProcessorPil(size=size).save_pretrained(folder)
    shared = {"hidden_size": WIDTH, "num_attention_heads": 2, "num_hidden_layers": 2}
    config = BlipConfig(
        vision_config=shared | {"intermediate_size": 192, "image_size": 32, "patch_size": 16},
        text_config=shared
        | {
            "intermediate_size": 192,
            "encoder_hidden_size": WIDTH,
            "max_position_embeddings": 40,
            "vocab_size": len(vocabulary) + 2,
            "bos_token_id": len(vocabulary),
            "sep_token_id": vocabulary.index("[SEP]"),
            "pad_token_id": 0,
        },
    )
    torch.manual_seed(seed)
    model = BlipForConditionalGeneration(config)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.5 if "crossattention" in name else 0.15)
    model.save_pretrained(folder)
    return folder


def drawn_frames(count: int) -> list[Image.Image]:
    """Frames of two sizes, each a coarse pattern of colours."""
    noise = np.random.default_rng(0)
    return [
        Image.fromarray(noise.integers(0, 256, (4, 6, 3), dtype=np.uint8)).resize(
            (96, 64) if index % 2 else (64, 64)
        )
        for index in range(count)
    ]
