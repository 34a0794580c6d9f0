"""CLIP's tokenizer, made from the list of byte pairs that open_clip carries."""

import gzip
import importlib.util
from pathlib import Path
from typing import Any

MERGES = 49152 - 256 - 2  # CLIP uses so many lines of a longer list
LENGTH = 77


def clip_tokenizer() -> Any:
    """A `CLIPTokenizer`: 77 tokens, padded with `<|endoftext|>` as Stable Diffusion does."""
    from transformers import CLIPTokenizer

    merges = [(left, right) for left, right in _merges()]
    letters = _byte_letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [left + right for left, right in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


def _merges() -> list[list[str]]:
    found = importlib.util.find_spec("open_clip")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("open_clip")
    path = Path(found.submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    return [line.split() for line in lines[1 : MERGES + 1]]  # the first line is a heading


def _byte_letters() -> list[str]:
    """A visible letter for each byte, in the order in which CLIP numbers them."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + number) for number in range(len(hidden))]
