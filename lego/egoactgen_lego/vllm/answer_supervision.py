"""Instructions as tensors, and the loss on their answers alone."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.images import read_rgb
from egoactgen_lego.vllm.instructions import Instruction
from egoactgen_lego.vllm.prompting import PLACEHOLDER, conversation, token_ids
from egoactgen_lego.vllm.vllm_model import VLLM

IGNORED = -100  # the label of what is not learnt
Batch = dict[str, Tensor]


def tokens_and_labels(vllm: VLLM, question: str, answer: str) -> tuple[list[int], list[int]]:
    """The tokens of question and answer, and as many labels: the answer's and its end's only."""
    prompt = token_ids(vllm.tokenizer, vllm.prompt(question))
    text = vllm.tokenizer.apply_chat_template(conversation(question, answer), tokenize=False)
    ids = token_ids(vllm.tokenizer, text)
    if ids[-1] != vllm.tokenizer.eos_token_id:  # a template that does not say where answers end
        ids.append(vllm.tokenizer.eos_token_id)
    pairs = enumerate(zip(prompt, ids, strict=False))
    # Not simply the question's length: its last token may merge with the answer's first.
    first = next((place for place, (asked, told) in pairs if asked != told), len(prompt))
    return ids, [IGNORED] * first + ids[first:]


def batch_of(
    vllm: VLLM, instructions: Sequence[Instruction], questions: Sequence[str], max_length: int
) -> Batch:
    """What the model is fed, on the CPU, padded on the right.

    input_ids, labels and attention_mask are (B, N), with a token for each patch of the image;
    pixel_values (B, 3, S, S). What exceeds `max_length` tokens is cut off, as LLaVA does; an image
    counts as one.
    """
    rows = []
    for one, question in zip(instructions, questions, strict=True):
        ids, labels = tokens_and_labels(vllm, question, one.answer)
        rows.append(_expanded(vllm, ids[:max_length], labels[:max_length]))
    longest = max(len(ids) for ids, _ in rows)
    with ThreadPoolExecutor() as threads:
        frames = list(threads.map(_frame, instructions))
    pad = vllm.tokenizer.pad_token_id or 0
    return {
        "input_ids": torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([lab + [IGNORED] * (longest - len(lab)) for _, lab in rows]),
        "attention_mask": torch.tensor(
            [[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows]
        ),
        "pixel_values": vllm.pixels(frames),
    }


def supervised(labels: Tensor) -> Tensor:
    """How many tokens of (B, N) labels are learnt."""
    return (labels[:, 1:] != IGNORED).sum()


def answer_loss(logits: Tensor, labels: Tensor, words: int) -> Tensor:
    """The sum of the cross-entropies of the answers' tokens; (B, N, V) logits, (B, N) labels.

    Only the first `words` of the V can be said: the image's token takes no part.
    """
    targets = labels[:, 1:]
    learnt = targets != IGNORED
    # The answers' rows before float32: 16 × 2048 logits of 32,000 words would take 4 GB.
    return F.cross_entropy(
        logits[:, :-1][learnt][:, :words].float(), targets[learnt], reduction="sum"
    )


def _expanded(vllm: VLLM, ids: list[int], labels: list[int]) -> tuple[list[int], list[int]]:
    """Each placeholder as the image's token, once for each patch."""
    if PLACEHOLDER not in ids:
        raise BenchError("No room for the image: raise -o max_length.")
    place, patches = ids.index(PLACEHOLDER), vllm.patches
    return (
        ids[:place] + [vllm.words] * patches + ids[place + 1 :],
        labels[:place] + [IGNORED] * patches + labels[place + 1 :],
    )


def _frame(one: Instruction) -> Image.Image:
    try:
        return read_rgb(one.image)
    except SampleError as error:
        raise BenchError(
            f"The image of instruction '{one.name}' is not usable ({error})."
        ) from None
