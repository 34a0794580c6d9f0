"""BLIP through transformers, from a folder in the format of the Hugging Face Hub."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from egoactgen_bench.captioning.beam_search import search
from egoactgen_bench.captioning.captioner import Captioner, Decoding
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.provenance import content_digest, versions
from egoactgen_bench.support.transformers_cache import cache_argument
from egoactgen_bench.weights.pretrained import check_vocabulary, load_model, load_processor

AT_ONCE = 8  # frames; the beams' attention to the image takes 130 MB for each of them


@dataclass(frozen=True)
class TransformersCaptioner(Captioner):
    """BlipForConditionalGeneration in eval mode, with the image processor of its folder."""

    folder: Path
    decoding: Decoding
    device: str

    def signature(self) -> str:
        library = f"transformers-{versions(['transformers'])['transformers']}"
        return f"blip|{content_digest(self.folder)}|{library}|{self.decoding.signature()}|eval"

    def caption(self, frames: Sequence[Image.Image]) -> list[str]:
        blip = load_blip(self.folder, self.device)
        captions = []
        for start in range(0, len(frames), AT_ONCE):
            captions += blip.caption(frames[start : start + AT_ONCE], self.decoding)
        return captions


class Blip:
    """A BLIP captioner with its image processor and tokenizer."""

    def __init__(self, model: Any, processor: Any, tokenizer: Any) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer = tokenizer

    @torch.inference_mode()
    def caption(self, frames: Sequence[Image.Image], decoding: Decoding) -> list[str]:
        """One sentence per RGB frame, without the prompt."""
        pixels = self.processor(list(frames), return_tensors="pt")["pixel_values"]
        seen = self.model.vision_model(pixels.to(self.model.device)).last_hidden_state
        sizes = self.model.config.text_config
        words = self.tokenizer(decoding.prompt)["input_ids"][1:-1]
        logits, prolong = self._decode(seen, [sizes.bos_token_id, *words], decoding.beams)
        sentences = search(
            logits, prolong, [sizes.bos_token_id, *words], sizes.sep_token_id, decoding
        )
        return [self._text(sentence)[len(decoding.prompt) :].strip() for sentence in sentences]

    def _decode(self, seen: Tensor, prompt: list[int], beams: int) -> tuple[Tensor, Any]:
        """The logits after the prompt, and the function that extends sentences.

        Keys and values of the image are computed once per frame; its beams share them.
        """
        from transformers import DynamicCache, EncoderDecoderCache

        decoder = self.model.text_decoder
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        cached = {cache_argument(decoder): cache, "use_cache": True}

        def step(tokens: Tensor) -> Tensor:
            decoded = decoder(input_ids=tokens, encoder_hidden_states=seen, **cached)
            logits: Tensor = decoded.logits[:, -1]
            return logits

        def prolong(tokens: Tensor, origins: Tensor) -> Tensor:
            cache.self_attention_cache.reorder_cache(origins)
            return step(tokens[:, None])

        logits = step(torch.tensor([prompt] * len(seen), device=seen.device))
        cache.batch_repeat_interleave(beams)
        return logits, prolong

    def _text(self, sentence: list[int]) -> str:
        """The text of a sentence, without BLIP's own tokens beyond the vocabulary."""
        words = [token for token in sentence if token < len(self.tokenizer)]
        text: str = self.tokenizer.decode(
            words, skip_special_tokens=True, clean_up_tokenization_spaces=True
        )
        return text


@functools.cache
def load_blip(folder: Path, device: str = "cpu") -> Blip:
    """Load the BLIP captioner of a local transformers folder, float32, in eval mode.

    Raises `BenchError` if the folder is incomplete or contains another model.
    """
    from transformers import BertTokenizer
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    model = read_blip(folder)
    processor = load_processor(BlipImageProcessorPil, folder)
    tokenizer = load_processor(BertTokenizer, folder)
    check_vocabulary(tokenizer, model.config.text_config.vocab_size, folder)
    _check_image_size(processor, model.config.vision_config.image_size, folder)
    return Blip(model.to(device), processor, tokenizer)


def _check_image_size(processor: Any, side: int, folder: Path) -> None:
    """Raise `BenchError` unless frames get the size that the network has positions for."""
    pixels = processor(Image.new("RGB", (64, 48)), return_tensors="pt")["pixel_values"]
    if tuple(pixels.shape) != (1, 3, side, side):
        raise BenchError(
            f"{folder / 'preprocessor_config.json'} makes images of {tuple(pixels.shape[1:])}, but "
            f"the network takes (3, {side}, {side}): it is damaged, or of another model."
        )


def read_blip(folder: Path) -> Any:
    """Only the network of `load_blip`, on the CPU."""
    from transformers import BlipForConditionalGeneration
    from transformers.utils import logging

    logging.disable_progress_bar()
    # The base model was published as a pickle only.
    return load_model(BlipForConditionalGeneration, folder, pickles=True, dtype=torch.float32)
