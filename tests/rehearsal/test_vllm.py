"""The VLLM describes and embeds, and a local judge answers, on a pretended GPU."""

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from egoactgen_bench.api.image_judge import Question
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.judging.local_judge import LocalJudge
from egoactgen_bench.metrics.vlm.judge_replies import SCORE_SCHEMA
from egoactgen_lego.features.feature_files import FeatureWriter
from egoactgen_lego.stages.embed import embed
from egoactgen_lego.stages.enrich import enrich
from egoactgen_lego.vllm.engine import Engine, EngineOptions
from egoactgen_lego.vllm.sampling import Sampling
from inner_loops import check, in_loop
from tiny_qwen import qwen2_5_vl


def engine(folder, weights, device, **options):
    return Engine(load_split(folder), weights, EngineOptions(device=device, **options))


def same(one, other):
    """Assert that two folders contain the same features."""
    found = sorted(path.relative_to(one) for path in one.rglob("*.safetensors"))
    assert found
    for path in found:
        ours, theirs = load_file(one / path), load_file(other / path)
        for name, tensor in theirs.items():
            torch.testing.assert_close(ours[name], tensor, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_enriching_reads_the_logits_of_each_token_only(
    temperature, vllm_weights, drawn_split, tmp_path
):
    def describe(tokens, device="cuda", dtype="float32"):
        name = f"{device}-{tokens}"
        sampling = Sampling(temperature=temperature, max_new_tokens=tokens)
        features = FeatureWriter(tmp_path / name)
        made = engine(drawn_split, vllm_weights, device, dtype=dtype)
        enrich(made, name, sampling=sampling, features=features)
        return load_descriptions(drawn_split, name).texts

    check(in_loop(describe, 3, 6))
    assert describe(6, "cpu") == load_descriptions(drawn_split, "cuda-6").texts
    same(tmp_path / "cuda-6", tmp_path / "cpu-6")


def test_embedding_reads_each_sample_once(vllm_weights, drawn_split, tmp_path):
    made = engine(drawn_split, vllm_weights, "cpu")
    enrich(made, "own", sampling=Sampling(temperature=1.0, max_new_tokens=6))
    descriptions = load_descriptions(drawn_split, "own")

    def read(count, device="cuda"):
        limited = engine(drawn_split, vllm_weights, device, limit=count)
        embed(limited, descriptions, FeatureWriter(tmp_path / f"{device}-{count}"))

    check(in_loop(read))
    read(4, "cpu")
    same(tmp_path / "cuda-4", tmp_path / "cpu-4")


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory):
    torch.manual_seed(0)
    model, _, processor = qwen2_5_vl()
    path = tmp_path_factory.mktemp("local") / "tiny-vlm"
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path


def test_a_local_judge(judge_folder):
    shown = [Image.new("RGB", (56, 56), (60, 90, level)) for level in (0, 200)]
    question = Question("Which one?", shown, SCORE_SCHEMA)

    def answer(tokens, device="cuda:0"):
        return LocalJudge(judge_folder, device, longest=tokens).answers([question])

    answers = []
    check(in_loop(lambda tokens: answers.append(answer(tokens)), 3, 6))
    assert answers[-1] == answer(6, "cpu")
