"""Beam search as BLIP was published with: a sentence's score is divided by its whole length.

The length includes the prompt, as in LAVIS and in transformers up to release 4.36; later releases
exclude it, and so prefer other sentences.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from egoactgen_bench.captioning.captioner import Decoding

# (tokens, origins) of the running sentences, ordered by image → next logits (rows, vocabulary)
Prolong = Callable[[Tensor, Tensor], Tensor]


class Beams:
    """The running and the finished sentences of one image."""

    def __init__(self, prompt: Sequence[int], width: int) -> None:
        self.width = width
        self.running: list[tuple[float, list[int]]] = [(0.0, list(prompt))]
        self.origins = [0] * width
        self.done = False
        self._finished: list[tuple[float, list[int]]] = []

    def advance(self, found: list[tuple[float, int, int]], end: int) -> None:
        """Extend by the 2·width best continuations: (summed log-probability, origin, token)."""
        if self.done:
            return
        kept: list[tuple[float, list[int]]] = []
        self.origins = []
        for rank, (total, origin, token) in enumerate(found):
            sentence = self.running[origin][1]
            if token != end:
                kept.append((total, [*sentence, token]))
                self.origins.append(origin)
            elif rank < self.width:
                self._finish(total, sentence)
            if len(kept) == self.width:
                break
        length = len(self.running[0][1])
        self.running = kept
        worst = min((score for score, _ in self._finished), default=0.0)
        self.done = len(self._finished) == self.width and worst >= found[0][0] / length

    def best(self) -> list[int]:
        """The best sentence, including running ones unless none of them could win."""
        for total, sentence in [] if self.done else self.running:
            self._finish(total, sentence)
        return max(reversed(self._finished), key=lambda each: each[0])[1]

    def _finish(self, total: float, sentence: list[int]) -> None:
        self._finished.append((total / len(sentence), sentence))
        if len(self._finished) > self.width:
            self._finished.remove(min(self._finished, key=lambda each: each[0]))


# Not transformers' `generate`, which always divides by the length without the prompt and would find
# other captions than BLIP was published with.
def search(
    logits: Tensor, prolong: Prolong, prompt: Sequence[int], end: int, decoding: Decoding
) -> list[list[int]]:
    """The best sentence of each image as tokens, including the prompt and excluding `end`.

    `logits` (images, vocabulary) follow the prompt. `prolong` is called with the next token (rows,)
    of each running sentence and the row (rows,) that it continues; rows are image · beams + beam,
    and after the prompt all beams of an image are equal.
    """
    width, count = decoding.beams, len(logits)
    images = [Beams(prompt, width) for _ in range(count)]
    totals = logits.new_zeros(count, 1, dtype=torch.float32)
    first_rows = torch.arange(0, count * width, width)[:, None]
    for length in range(len(prompt), decoding.longest):
        # float32 also for a half-precision network, as sums of up to 20 log-probabilities decide
        # between sentences.
        scores = logits.float().log_softmax(-1).view(count, -1, logits.shape[-1])
        if length < decoding.shortest:
            scores[..., end] = -torch.inf
        # Twice the number of beams: even if half of them end here, enough sentences continue.
        best, places = (totals[..., None] + scores).flatten(1).topk(2 * width)
        origins, tokens = places // logits.shape[-1], places % logits.shape[-1]
        for image, *found in zip(
            images, best.tolist(), origins.tolist(), tokens.tolist(), strict=True
        ):
            image.advance(list(zip(*found, strict=True)), end)
        if length + 1 == decoding.longest or all(image.done for image in images):
            break
        totals = logits.new_tensor([[t for t, _ in image.running] for image in images])
        rows = first_rows + torch.tensor([image.origins for image in images])
        last = torch.tensor([[sentence[-1] for _, sentence in i.running] for i in images])
        logits = prolong(last.flatten().to(logits.device), rows.flatten().to(logits.device))
    return [image.best() for image in images]
