"""The authors' VLLM, a folder in LLaVA's old format → a folder that transformers loads."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.api.converter import Converter
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.diffusion.denoiser.strict_loading import fill, refuse
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.weights.foreign_checkpoints import read_source
from egoactgen_bench.weights.model_folders import (
    CONFIG,
    architectures,
    check_folder_files,
    tensor_source,
)
from egoactgen_bench.weights.pretrained import load_processor, refusing
from egoactgen_lego.published_lego_weights import CLIP_TOWER, LEGO_EGO4D, LEGO_EPIC_KITCHENS
from egoactgen_lego.vllm.prompting import IMAGE, LLAMA_2
from egoactgen_lego.vllm.vision_tower import TOWER, Tower, find_tower

ARCHITECTURE = "LlavaLlamaForCausalLM"
PROJECTOR, LANGUAGE, HEAD = "model.mm_projector.", "model.", "lm_head."
# Tables that every model computes itself.
UNUSED = ("rotary_emb.inv_freq", "embeddings.position_ids")
FEATURES = {"patch": "default", "cls_patch": "full"}  # the strategy's old name → transformers'


class OldLlava(Converter):
    """A folder of LLaVA's first format (`LlavaLlamaForCausalLM`), as the authors released theirs.

    `config` may name the folder of the vision tower: {"vision_tower": "DIR"}.
    """

    packages = ("torch", "transformers", "tokenizers", "sentencepiece", "safetensors")
    published_weights = (LEGO_EGO4D, LEGO_EPIC_KITCHENS, CLIP_TOWER)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return (path / CONFIG).is_file() and ARCHITECTURE in architectures(path)

    @classmethod
    def convert(
        cls, path: Path, out: Path, *, raw: bool, config: dict[str, Any], models: Path
    ) -> dict[str, Any]:
        quiet()
        check_folder_files(path)
        old = _checked(read_json(path / CONFIG))
        tensors = read_shards(path)
        tower = find_tower(old["mm_vision_tower"], tensors, config, (path.parent, models))
        embedding = tensors.get("model.embed_tokens.weight")
        if embedding is None:
            raise BenchError(f"{path} lacks model.embed_tokens.weight.")
        words = len(embedding)
        _save_processor(path, out, old, tower, words)
        with refusing(path / CONFIG):
            model = _model(old, tower, words)
        weights = _language(tensors, model.config.text_config.vocab_size)
        weights |= _projector(tensors) | tower.weights(model, embedding.dtype)
        fill(model, weights, "The VLLM").save_pretrained(out)
        return {"vision_tower": tower.source}


def read_shards(folder: Path) -> dict[str, Tensor]:
    """The tensors of an old folder by name, mapped from disk: all shards, of either format."""
    source = tensor_source(folder)
    if source is None:
        raise BenchError(f"{folder} contains no weights: pytorch_model.bin is missing.")
    return {
        name: value
        for name, value in read_source(source).items()
        if isinstance(value, Tensor) and not name.endswith(UNUSED)
    }


def _checked(old: dict[str, Any]) -> dict[str, Any]:
    """The old configuration; `BenchError` if the model's architecture differs from the authors'."""
    if old.get("mm_use_im_start_end"):
        raise BenchError("The VLLM marks images with start and end tokens, which is not supported.")
    if old.get("mm_projector_type", "linear") != "linear":
        raise BenchError(
            f"The VLLM's projector is {old['mm_projector_type']}, expected a single linear layer: "
            "use LLaVA 1.5 and later in transformers' format."
        )
    if old.get("mm_vision_select_feature", "patch") not in FEATURES:
        raise BenchError(
            f"mm_vision_select_feature is {old['mm_vision_select_feature']!r}, expected one of "
            f"{', '.join(FEATURES)}."
        )
    return old | {"mm_vision_tower": old.get("mm_vision_tower") or "openai/clip-vit-large-patch14"}


def _model(old: dict[str, Any], tower: Tower, words: int) -> Any:
    """The network without weights, on the meta device."""
    from transformers import LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    known = {key: value for key, value in old.items() if key in _llama_keys()}
    config = LlavaConfig(
        text_config=LlamaConfig(**known | {"vocab_size": words + 1}),
        vision_config=tower.config,
        image_token_index=words,
        image_seq_length=tower.tokens,
        projector_hidden_act="linear",
        vision_feature_layer=old.get("mm_vision_select_layer", -2),
        vision_feature_select_strategy=FEATURES[old.get("mm_vision_select_feature", "patch")],
        tie_word_embeddings=False,
    )
    with torch.device("meta"):
        model = LlavaForConditionalGeneration(config)
    # Its row of zeros has the logit 0, which could be the largest: suppress the image's token.
    ends = {key: old.get(key, default) for key, default in TOKENS.items()}
    model.generation_config.update(**ends, suppress_tokens=[words])
    return model


TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def _llama_keys() -> set[str]:
    return {
        "attention_bias",
        "hidden_act",
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "rms_norm_eps",
        "rope_scaling",
        "rope_theta",
        *TOKENS,
    }


def _language(tensors: dict[str, Tensor], rows: int) -> dict[str, Tensor]:
    """LLaMA's weights under their new names, with a row of zeros for the image's token."""
    found = {}
    for name, tensor in tensors.items():
        if name.startswith((PROJECTOR, TOWER)):
            continue
        refuse(
            "The VLLM", "has unknown tensors", [] if name.startswith((LANGUAGE, HEAD)) else [name]
        )
        if name in ("model.embed_tokens.weight", "lm_head.weight"):
            tensor = torch.cat([tensor, tensor.new_zeros(rows - len(tensor), tensor.shape[1])])
        new = (
            name if name.startswith(HEAD) else f"model.language_model.{name.removeprefix(LANGUAGE)}"
        )
        found[new] = tensor
    return found


def _projector(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The linear projector as the first of transformers' two layers, the second an identity."""
    weight, bias = (tensors.get(f"{PROJECTOR}{part}") for part in ("weight", "bias"))
    if weight is None or bias is None:
        raise BenchError(f"The VLLM lacks {PROJECTOR}weight or {PROJECTOR}bias.")
    new = "model.multi_modal_projector.linear_"
    return {
        f"{new}1.weight": weight,
        f"{new}1.bias": bias,
        f"{new}2.weight": torch.eye(len(weight), dtype=weight.dtype),
        f"{new}2.bias": torch.zeros_like(bias),
    }


def _save_processor(path: Path, out: Path, old: dict[str, Any], tower: Tower, words: int) -> None:
    from transformers import LlavaProcessor

    processor = LlavaProcessor(
        tower.image_processor(),
        read_tokenizer(path, words),
        patch_size=tower.config.patch_size,
        vision_feature_select_strategy=FEATURES[old.get("mm_vision_select_feature", "patch")],
        num_additional_image_tokens=1,
        chat_template=LLAMA_2,
    )
    processor.save_pretrained(out)


def read_tokenizer(folder: Path, words: int) -> Any:
    """The tokenizer of an old folder, with the image's token as number `words`.

    Without `legacy` it would drop the space between an image and the text after it.
    """
    from transformers import AddedToken, LlamaTokenizer

    if not (folder / "tokenizer.model").is_file():
        raise BenchError(f"{folder} lacks tokenizer.model.")
    tokenizer = load_processor(LlamaTokenizer, folder, legacy=True)
    if len(tokenizer) > words:
        raise BenchError(
            f"{folder}: the tokenizer has {len(tokenizer)} tokens, the embeddings {words} rows."
        )
    # Rows beyond the tokenizer's own words must keep their numbers.
    fillers = [f"<unused_{number}>" for number in range(len(tokenizer), words)]
    added = [AddedToken(word, special=True, normalized=False) for word in (*fillers, IMAGE)]
    tokenizer.add_tokens(added, special_tokens=True)
    tokenizer.pad_token = tokenizer.unk_token
    return tokenizer
