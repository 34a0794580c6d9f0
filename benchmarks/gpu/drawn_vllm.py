"""A LLaVA with random weights, made on the device, at published sizes or at toy size."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from benchmarks import generation
from egoactgen_lego.toy import untrained_llava
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.vision_tower import PUBLISHED
from egoactgen_lego.vllm.vllm_model import VLLM

WORDS = 32000
FULL: dict[str, Any] = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}
LAYER_BYTES = 2 * (4 * 4096**2 + 3 * 4096 * 11008)  # in 16 bits
OTHER_BYTES = 2 * (2 * WORDS * 4096 + 330_000_000)  # embeddings, head, tower and projector


def fitting_layers(free: float, share: float = 0.7) -> int:
    """How many of the 32 layers fit a share of so many bytes; the rest is for states."""
    return max(1, min(FULL["num_hidden_layers"], int((share * free - OTHER_BYTES) / LAYER_BYTES)))


def build(folder: Path, device: str, dtype: torch.dtype, layers: int | None) -> VLLM:
    """LLaVA 7B with so many layers; None: a toy. Tokenizer and processor are written to `folder`.

    Its vocabulary is that of the question; other tokens of the answers have no text.
    """
    question = QUESTION.format("open drawer")
    if not (folder / "config.json").is_file():
        untrained_llava.write_untrained(folder, [question], seed=0)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if layers is None:
        model = LlavaForConditionalGeneration.from_pretrained(folder, local_files_only=True)
        processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
        return VLLM(model.to(device, dtype).eval(), tokenizer, processor)
    model = drawn(full_config(layers), device, dtype)
    return VLLM(model.eval(), tokenizer, CLIPImageProcessorPil())


def full_config(layers: int) -> LlavaConfig:
    language = LlamaConfig(
        **FULL | {"num_hidden_layers": layers}, vocab_size=WORDS, bos_token_id=1, eos_token_id=2
    )
    return LlavaConfig(
        text_config=language,
        vision_config=CLIPVisionConfig(**PUBLISHED["clip-vit-large-patch14"]),
        image_token_index=WORDS - 1,
        image_seq_length=256,
    )


def drawn(config: LlavaConfig, device: str, dtype: torch.dtype) -> Any:
    """The network with normal weights; built in `dtype`, as float32 would take twice the memory."""
    torch.manual_seed(0)
    earlier = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"):
            model = LlavaForConditionalGeneration(config)
        model.to_empty(device=device)
        with torch.device(device):
            _restore_buffers(model, config)
    finally:
        torch.set_default_dtype(earlier)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.02) if parameter.ndim > 1 else parameter.fill_(1.0)
    return model.requires_grad_(False)


def _restore_buffers(model: Any, config: LlavaConfig) -> None:
    """What networks compute when they are built, which the meta device does not keep."""
    language = model.model.language_model
    language.rotary_emb = type(language.rotary_emb)(config.text_config)
    embeddings = next(
        each for each in model.modules() if type(each).__name__ == "CLIPVisionEmbeddings"
    )
    embeddings.position_ids = torch.arange(embeddings.num_positions)[None]


def frames(count: int) -> list[Image.Image]:
    return [request.input for request in generation.requests(count, 256)]
