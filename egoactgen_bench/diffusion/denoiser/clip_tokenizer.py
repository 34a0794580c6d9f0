"""CLIP's tokenizer, built from the byte-pair list in the package open_clip."""

import gzip
import importlib.util
from pathlib import Path
from typing import Any

WORDS = 49408  # CLIP's vocabulary: bytes (within and at the end of words), merges, 2 special tokens
LENGTH = 77


def clip_tokenizer(words: int = WORDS) -> Any:
    """A `CLIPTokenizer`: 77 tokens, padded with `<|endoftext|>` as Stable Diffusion does.

    A smaller vocabulary (`words`) keeps CLIP's most frequent merges and splits rare words further.
    """
    from transformers import CLIPTokenizer

    merges = [(left, right) for left, right in _merges(words - 2 * 256 - 2)]
    letters = _byte_letters()
    known = [*letters, *(f"{letter}</w>" for letter in letters)]
    known += [left + right for left, right in merges]
    known += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(known)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


def _merges(count: int) -> list[list[str]]:
    found = importlib.util.find_spec("open_clip")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("open_clip")
    path = Path(found.submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    return [line.split() for line in lines[1 : count + 1]]  # the first line is a heading


def _byte_letters() -> list[str]:
    """A printable character for each byte, in CLIP's order."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + number) for number in range(len(hidden))]
