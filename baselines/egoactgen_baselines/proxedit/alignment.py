"""Alignment of the tokens of two prompts, by which attention maps are transferred.

Prompt-to-prompt (arXiv 2208.01626), section 3.2: word swap (replacement) and adding a new phrase
(refinement).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.errors import SampleError


@dataclass(frozen=True)
class Alignment:
    """The target's edited attention is A_source @ `matrix` + A_target · (1 − `kept`).

    `matrix`: (B, L, L) from source to target tokens; `kept`: (B, L), 1 where the source's attention
    is used and 0 for new tokens.
    """

    matrix: Tensor
    kept: Tensor

    def to(self, device: str, dtype: torch.dtype) -> "Alignment":
        return Alignment(self.matrix.to(device, dtype), self.kept.to(device, dtype))


def align(tokenizer: Any, sources: Sequence[str], targets: Sequence[str], swap: bool) -> Alignment:
    """Align each pair of prompts: word by word (`swap`), else by common tokens.

    Raises `SampleError` (`unequal_words`) if words cannot be swapped one by one.
    """
    alignment = _swapped if swap else _refined
    pairs = [alignment(tokenizer, *pair) for pair in zip(sources, targets, strict=True)]
    return Alignment(
        torch.stack([matrix for matrix, _ in pairs]), torch.stack([kept for _, kept in pairs])
    )


def new_tokens(tokenizer: Any, source: str, target: str) -> Tensor:
    """(L,): 1 for the tokens of `target` that `source` lacks, else 0."""
    return 1 - _refined(tokenizer, source, target)[1]


def _refined(tokenizer: Any, source: str, target: str) -> tuple[Tensor, Tensor]:
    old, new = (_tokens(tokenizer, text) for text in (source, target))
    matrix = torch.eye(tokenizer.model_max_length)
    kept = torch.ones(tokenizer.model_max_length)
    matrix[:, : len(new)] = 0
    for place, origin in enumerate(common_tokens(old, new)):
        if origin is None:
            kept[place] = 0
        else:
            matrix[origin, place] = 1
    return matrix, kept


# Not difflib, whose matches are not always a longest common subsequence, and which breaks ties
# another way than the released code.
def common_tokens(old: Sequence[int], new: Sequence[int]) -> list[int | None]:
    """For each token of `new` its index in `old` by a longest common subsequence, None if new."""
    length = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, before in enumerate(old, 1):
        for j, after in enumerate(new, 1):
            same = length[i - 1][j - 1] + (before == after)
            length[i][j] = max(length[i - 1][j], length[i][j - 1], same)
    places: list[int | None] = [None] * len(new)
    i, j = len(old), len(new)
    while i and j:  # ties are broken as by the released code's backtracking
        if length[i][j] == length[i][j - 1]:
            j -= 1
        elif length[i][j] == length[i - 1][j]:
            i -= 1
        else:
            i, j = i - 1, j - 1
            places[j] = i
    return places


def _swapped(tokenizer: Any, source: str, target: str) -> tuple[Tensor, Tensor]:
    old, new = source.split(), target.split()
    if len(old) != len(new):
        raise SampleError(
            "unequal_words",
            f"words are swapped one by one, but '{source}' has {len(old)} and '{target}' has "
            f"{len(new)}: use -o cross_attention=refine",
        )
    longest = tokenizer.model_max_length
    size = max(longest, *(len(_tokens(tokenizer, text)) for text in (source, target)))
    matrix = torch.zeros(size, size)
    matrix[0, 0] = i = j = 1  # the start token
    while old and old[-1] == new[-1]:  # words after the last change keep their places
        old, new = old[:-1], new[:-1]
    for before, after in zip(old, new, strict=True):
        down, across = (len(_tokens(tokenizer, word)) - 2 for word in (before, after))
        block = torch.eye(down) if down == across else torch.full((down, across), 1 / across)
        matrix[i : i + down, j : j + across] = block
        i, j = i + down, j + across
    matrix[j:, j:] = torch.eye(size - j)  # as released: target positions for both prompts
    return matrix[:longest, :longest], torch.ones(longest)


def _tokens(tokenizer: Any, text: str) -> list[int]:
    """The prompt's tokens with start and end tokens, without padding."""
    found: list[int] = tokenizer(text, truncation=True).input_ids
    return found
