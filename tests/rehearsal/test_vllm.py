"""The VLLM describes and embeds, and a local judge answers, on a pretended GPU."""

import json
from itertools import count

import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image
from safetensors.torch import load_file

from egoactgen_bench.api.image_judge import Question
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.judging.local_judge import LocalJudge
from egoactgen_bench.metrics.vlm.judge_replies import SCORE_SCHEMA
from egoactgen_lego.features.feature_files import FeatureWriter
from egoactgen_lego.stages.curate import instruction
from egoactgen_lego.stages.embed import embed
from egoactgen_lego.stages.enrich import enrich
from egoactgen_lego.stages.tune import tune
from egoactgen_lego.vllm.engine import Engine, EngineOptions
from egoactgen_lego.vllm.sampling import Sampling
from inner_loops import check, in_loop
from listed_transfers import TUNING_MICRO_BATCHES
from small_tuning import SMALL
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


@pytest.mark.parametrize("lora_rank", [0, 2])
def test_tuning(lora_rank, vllm_weights, drawn_split, tmp_path):
    rows = load_split(drawn_split).samples.to_dict("records")
    path = tmp_path / "instructions.json"
    path.write_text(json.dumps([instruction(row, "By hand.", seed=0) for row in rows]))
    losses, number = {}, count()

    def learn(steps, device="cuda", micro_batch=2):
        # accelerate keeps the first device of a process.
        AcceleratorState._reset_state(reset_partial_state=True)
        out = tmp_path / f"out-{next(number)}"
        options = SMALL | {"batch_size": 2, "epochs": 1, "micro_batch": micro_batch}
        options |= {"lora_rank": lora_rank}
        # An epoch of n instructions has n / 2 steps.
        short = path.with_name(f"{steps}.json")
        short.write_text(json.dumps(json.loads(path.read_text())[: 2 * steps]))
        tune(vllm_weights, short, drawn_split, out, options=options, device=device)
        AcceleratorState._reset_state(reset_partial_state=True)
        losses[device, steps] = [
            loss for _, loss in json.loads((out / "train.json").read_text())["loss"]
        ]

    check(in_loop(learn, 1, 2))
    check(in_loop(lambda rounds: learn(1, micro_batch=2 // rounds), 1, 2), TUNING_MICRO_BATCHES)
    learn(2, "cpu")
    assert losses["cuda", 2] == pytest.approx(losses["cpu", 2], rel=1e-3)
