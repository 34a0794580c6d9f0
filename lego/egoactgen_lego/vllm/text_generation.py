"""Generating descriptions token by token, in batches whose samples are independent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.support.seeds import derive_seed, torch_generator
from egoactgen_bench.support.transformers_cache import cache_argument
from egoactgen_lego.vllm.sampling import Sampling


@dataclass
class Writing:
    """The new tokens of one sample, and H_t: (n, D), the states that predicted each of them.

    H_t is the output of the last layer after the final norm, including the state that predicts the
    end token. `ended` is False if the maximum length was reached.
    """

    ids: list[int]
    states: Tensor
    ended: bool


def generator_of(seed: int) -> torch.Generator:
    """The random stream of a description's words, from the sample's own seed."""
    return torch_generator(derive_seed(seed, "description"))


def one_line(text: str) -> str:
    """A description for a cell of a table: on one line, without control characters."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


# Ours, since transformers' `generate` draws a whole batch from one generator, so that a sample's
# words would depend on its neighbours, and returns the states of every layer where the last is
# needed.
def write(
    model: Any,
    prompts: Sequence[Tensor],
    sampling: Sampling,
    generators: Sequence[torch.Generator],
    words: int,
    ends: frozenset[int],
) -> list[Writing]:
    """Continue prompts, each (N_i, D) of embeddings, until a token of `ends`.

    Padding is on the left, and each prompt's positions start at 0, so that a sample's tokens do not
    depend on its batch. Only the first `words` tokens of the vocabulary can be chosen.
    """
    from transformers import DynamicCache

    language, table, head = model.model.language_model, model.get_input_embeddings(), model.lm_head
    inputs, mask = pad_left(prompts)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config.text_config)
    cached = {cache_argument(language): cache, "use_cache": True}
    ids: list[list[int]] = [[] for _ in prompts]
    states: list[list[Tensor]] = [[] for _ in prompts]
    running = list(range(len(prompts)))
    for _ in range(sampling.max_new_tokens):
        last = language(
            inputs_embeds=inputs,
            attention_mask=mask,
            position_ids=positions,
            **cached,
        ).last_hidden_state[:, -1]
        chosen = choose(head(last)[:, :words].float().cpu(), running, sampling, generators)
        for row in running:
            ids[row].append(chosen[row])
            states[row].append(last[row])
        running = [row for row in running if chosen[row] not in ends]
        if not running:
            break
        inputs = table(torch.tensor(chosen, device=mask.device))[:, None]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        positions = mask.sum(1, keepdim=True) - 1
    return [
        Writing(ids[row], torch.stack(states[row]).cpu(), row not in running)
        for row in range(len(prompts))
    ]


def read(model: Any, prompts: Sequence[Tensor], tokens: Sequence[Sequence[int]]) -> list[Tensor]:
    """The states, (n_i, D), that predict each of `tokens` when these follow prompts (N_i, D)."""
    table = model.get_input_embeddings()
    fed = [torch.tensor(ids[:-1], dtype=torch.long, device=table.weight.device) for ids in tokens]
    pairs = zip(prompts, fed, strict=True)
    inputs, mask = pad_left([torch.cat([prompt, table(ids)]) for prompt, ids in pairs])
    found = model.model.language_model(
        inputs_embeds=inputs,
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        use_cache=False,
    ).last_hidden_state.cpu()
    return [states[-len(ids) :] for states, ids in zip(found, tokens, strict=True)]


def choose(
    logits: Tensor, rows: Sequence[int], sampling: Sampling, generators: Sequence[torch.Generator]
) -> list[int]:
    """The next token of each of `rows` of (B, V) logits, from its own generator; others are 0."""
    chosen = [0] * len(logits)
    for row in rows:
        if sampling.temperature == 0:
            chosen[row] = int(logits[row].argmax())
            continue
        scaled = logits[row] / sampling.temperature
        least = scaled.topk(min(sampling.top_k, len(scaled))).values[-1]
        probabilities = scaled.masked_fill(scaled < least, -torch.inf).softmax(-1)
        chosen[row] = int(probabilities.multinomial(1, generator=generators[row]))
    return chosen


def pad_left(prompts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The prompts as (B, N, D) embeddings with zeros on the left, and the (B, N) attention mask."""
    longest = max(len(prompt) for prompt in prompts)
    inputs = prompts[0].new_zeros(len(prompts), longest, prompts[0].shape[1])
    mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=inputs.device)
    for row, prompt in enumerate(prompts):
        inputs[row, longest - len(prompt) :] = prompt
        mask[row, longest - len(prompt) :] = 1
    return inputs, mask
