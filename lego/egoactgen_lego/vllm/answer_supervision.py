"""Instructions as tensors, and the loss on the tokens of their answers."""

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

IGNORED = -100  # the label of tokens without a loss
Batch = dict[str, Tensor]


def tokens_and_labels(vllm: VLLM, question: str, answer: str) -> tuple[list[int], list[int]]:
    """The tokens of question and answer, and as many labels: those of the answer and its end."""
    prompt = token_ids(vllm.tokenizer, vllm.prompt(question))
    text = vllm.tokenizer.apply_chat_template(conversation(question, answer), tokenize=False)
    ids = token_ids(vllm.tokenizer, text)
    if ids[-1] != vllm.tokenizer.eos_token_id:  # a chat template without an end token after answers
        ids.append(vllm.tokenizer.eos_token_id)
    pairs = enumerate(zip(prompt, ids, strict=False))
    # Not simply the question's length: its last token may merge with the answer's first.
    first = next((place for place, (alone, joined) in pairs if alone != joined), len(prompt))
    return ids, [IGNORED] * first + ids[first:]


def batch_of(
    vllm: VLLM, instructions: Sequence[Instruction], questions: Sequence[str], max_length: int
) -> Batch:
    """The model's inputs, on the CPU, padded on the right.

    input_ids, labels and attention_mask are (B, N) int64, with one token per patch of the image;
    pixel_values (B, 3, S, S) float32. Tokens beyond `max_length` are cut off, as in LLaVA; an image
    counts as one token. Raises `BenchError` for an image that cannot be read.
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
    """The number of tokens of (B, N) labels that have a loss, a scalar tensor."""
    return (labels[:, 1:] != IGNORED).sum()


def answer_loss(logits: Tensor, labels: Tensor, words: int) -> Tensor:
    """The sum of the cross-entropies of the answers' tokens; (B, N, V) logits, (B, N) labels.

    The softmax is over the first `words` of the V tokens: the image's token cannot be generated.
    `labels` may be on the CPU, so that a GPU is not waited for.
    """
    targets = labels[:, 1:]
    # Positions rather than a mask, whose true values a GPU would have to count first.
    learnt = (targets != IGNORED).nonzero(as_tuple=True)
    rows, places = (each.to(logits.device) for each in learnt)
    # The answers' rows before float32: 16 × 2048 logits of 32,000 words would take 4 GB.
    answers = logits[:, :-1][rows, places][:, :words].float()
    return F.cross_entropy(answers, targets[learnt].to(logits.device), reduction="sum")


def _expanded(vllm: VLLM, ids: list[int], labels: list[int]) -> tuple[list[int], list[int]]:
    """The placeholder replaced by the image's token, once per patch."""
    if PLACEHOLDER not in ids:
        raise BenchError("The image exceeds the maximum length: raise -o max_length.")
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
            f"The image of instruction '{one.name}' cannot be read ({error})."
        ) from None
