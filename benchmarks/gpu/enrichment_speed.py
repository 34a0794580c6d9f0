"""Descriptions of a VLLM: tokens per second, and its peak memory."""

from functools import partial

import torch

from benchmarks.gpu import drawn_vllm
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setting import Add, Setting
from egoactgen_bench.support.devices import free_bytes
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.sampling import Sampling
from egoactgen_lego.vllm.text_generation import Writing, generator_of
from egoactgen_lego.vllm.vllm_model import VLLM

BATCHES, TOKENS = (1, 16), 64
TOY_BATCHES, TOY_TOKENS = (1, 2), 4


def measure(setting: Setting, add: Add) -> None:
    """A card with too little memory for LLaVA 7B gets fewer of its layers, as the row says."""
    layers = None
    name = "a toy"
    if not setting.toy:
        layers = drawn_vllm.fitting_layers(free_bytes(setting.device))
        name = f"LLaVA 7B, {layers} of 32 layers"
    dtype = getattr(torch, setting.dtype)
    setting.reset_peak()
    vllm = drawn_vllm.build(setting.folder / "vllm", setting.device, dtype, layers)
    tokens = TOY_TOKENS if setting.toy else TOKENS
    for batch in TOY_BATCHES if setting.toy else BATCHES:
        call = partial(describe, vllm, batch, tokens)
        written = sum(len(each.ids) for each in call())  # this call warms up, too
        seconds = setting.seconds(call)
        add(Row(f"{name}, {setting.dtype}, batch {batch}", written / seconds, "tokens/s"))
    add(Row(f"{name}, {setting.dtype}, peak memory", setting.peak_gb(), "GB"))


def describe(vllm: VLLM, count: int, tokens: int) -> list[Writing]:
    """What `bench lego enrich` computes for a batch: features of the frames, then words."""
    images = vllm.image_features(drawn_vllm.frames(count))
    questions = [QUESTION.format("open drawer")] * count
    draws = [generator_of(seed) for seed in range(count)]
    return vllm.describe(questions, images, Sampling(max_new_tokens=tokens), draws)
