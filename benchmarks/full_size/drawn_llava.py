"""A VLLM in LLaVA's first format, with random weights: shards, tokenizer, and CLIP's tower."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.support.files import write_json
from egoactgen_lego.vllm.llava_converter import ARCHITECTURE
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.vision_tower import INNER, PUBLISHED

TOWER = "clip-vit-large-patch14"
LAYERS_PER_SHARD = 8
SMALL_VOCABULARY = 320  # bytes, and pieces of the question


@dataclass(frozen=True)
class LlavaSizes:
    """By default those of LLaVA 7B."""

    width: int = 4096
    inner: int = 11008
    layers: int = 32
    heads: int = 32
    words: int = 32000
    tower: tuple[tuple[str, int], ...] = ()  # differences from CLIP ViT-L/14


TINY = LlavaSizes(
    64, 128, 2, 2, 400,
    (("hidden_size", 64), ("intermediate_size", 128), ("num_hidden_layers", 3)),
)  # fmt: skip


def write(folder: Path, sizes: LlavaSizes) -> Path:
    """The folder, and its tower next to it; the weights are in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(folder / "tokenizer.model", sizes.words)
    tower = PUBLISHED[TOWER] | dict(sizes.tower)
    _write_tower(folder.parent / TOWER, tower)
    _write_config(folder / "config.json", sizes, tower["hidden_size"])
    stream = torch.Generator().manual_seed(0)
    places, shards = {}, list(_shards(sizes, tower["hidden_size"]))
    for number, shapes in enumerate(shards, 1):
        name = f"pytorch_model-{number:05d}-of-{len(shards):05d}.bin"
        torch.save({each: _tensor(shape, stream) for each, shape in shapes.items()}, folder / name)
        places |= dict.fromkeys(shapes, name)
    write_json(folder / "pytorch_model.bin.index.json", {"metadata": {}, "weight_map": places})
    return folder


Shapes = dict[str, tuple[int, ...]]


def _shards(sizes: LlavaSizes, tower: int) -> Iterator[Shapes]:
    """The names and shapes of each shard."""
    width, inner = sizes.width, sizes.inner
    layer = {f"self_attn.{part}_proj": (width, width) for part in "qkvo"}
    layer |= {"mlp.gate_proj": (inner, width), "mlp.up_proj": (inner, width)}
    layer |= {"mlp.down_proj": (width, inner)}
    layer |= {"input_layernorm": (width,), "post_attention_layernorm": (width,)}
    for first in range(0, sizes.layers, LAYERS_PER_SHARD):
        numbers = range(first, min(first + LAYERS_PER_SHARD, sizes.layers))
        yield {
            f"model.layers.{number}.{name}.weight": shape
            for number in numbers
            for name, shape in layer.items()
        }
    yield {
        "model.embed_tokens.weight": (sizes.words, width),
        "model.norm.weight": (width,),
        "lm_head.weight": (sizes.words, width),
        "model.mm_projector.weight": (width, tower),
        "model.mm_projector.bias": (width,),
    }


def _tensor(shape: tuple[int, ...], stream: torch.Generator) -> Tensor:
    made = torch.empty(shape, dtype=torch.bfloat16)
    return made.normal_(std=0.02, generator=stream) if len(shape) > 1 else made.fill_(1)


def _write_config(path: Path, sizes: LlavaSizes, tower: int) -> None:
    about: dict[str, Any] = {"architectures": [ARCHITECTURE], "model_type": "llava"}
    about |= {"hidden_size": sizes.width, "intermediate_size": sizes.inner}
    about |= {"num_hidden_layers": sizes.layers, "num_attention_heads": sizes.heads}
    about |= {"vocab_size": sizes.words, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5}
    about |= {"mm_vision_tower": f"openai/{TOWER}", "mm_hidden_size": tower}
    about |= {"mm_vision_select_layer": -2, "torch_dtype": "bfloat16"}
    write_json(path, about)


def _write_tower(folder: Path, config: dict[str, Any]) -> None:
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModel

    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    state = CLIPVisionModel(CLIPVisionConfig(**config)).state_dict()
    # Published under the name of the module that some versions of transformers drop.
    named = {INNER + name.removeprefix(INNER): tensor for name, tensor in state.items()}
    save_file(named, folder / "model.safetensors")
    write_json(folder / "config.json", config | {"model_type": "clip_vision_model"})


def _write_tokenizer(path: Path, words: int) -> None:
    """A tokenizer of bytes, of the question's pieces, and of numbered words up to the size."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([QUESTION.format("open the drawer")] * 9),
        model_writer=model,
        vocab_size=SMALL_VOCABULARY,
        model_type="bpe",
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    made = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    for number in range(len(made.pieces), words):
        made.pieces.add(piece=f"▁word{number}", score=-float(number))
    path.write_bytes(made.SerializeToString())
