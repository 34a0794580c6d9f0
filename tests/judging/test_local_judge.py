"""A judge on this machine: strict loading, and answers that depend on their own question."""

import json

import pytest
import torch
from PIL import Image

from egoactgen_bench.api.image_judge import Question
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.errors import BenchError
from egoactgen_bench.judging.judge_options import JudgeOptions
from egoactgen_bench.judging.local_judge import LocalJudge
from egoactgen_bench.judging.open_judge import open_judge
from egoactgen_bench.metrics.vlm.judge_replies import SCORE_SCHEMA
from egoactgen_bench.metrics.vlm.judged_metrics import VlmAction
from egoactgen_bench.metrics.vlm.vlm_preference import VlmPrefers
from tiny_qwen import qwen2_5_vl


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random vision-language model of a few thousand weights."""
    torch.manual_seed(0)
    model, _, processor = qwen2_5_vl()
    path = tmp_path_factory.mktemp("local") / "tiny-vlm"
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path


def question(number, images=2):
    shown = [Image.new("RGB", (56, 56), (60 * number, 90, each)) for each in range(images)]
    return Question(f"Question {number}?", shown, SCORE_SCHEMA)


def batch():
    frames = [Image.new("RGB", (56, 28), (level, 0, 0)) for level in (10, 200)]
    return Batch({"input": frames, "output": frames[::-1], "action": ["cut onion", "take mug"]})


def test_answers_depend_on_their_own_question_only(folder):
    judge = LocalJudge(folder, longest=6)
    asked = [question(1), question(2, images=1), question(3, images=3)]
    answers = judge.answers(asked)
    assert all(isinstance(answer, str) for answer in answers)
    assert judge.answers(asked[::-1]) == answers[::-1]
    assert LocalJudge(folder, longest=6).answers(asked[1:2]) == answers[1:2]


def test_what_a_random_model_says_is_unreadable(folder):
    judge = LocalJudge(folder, longest=4)
    for metric in (VlmAction, VlmPrefers):
        made = metric(metric.Options(), MetricContext(judge=judge))
        assert [row.code for row in made.measure(batch())] == ["unreadable_reply"] * 2
        assert f"|judge:tiny-vlm|version:{judge.version}|" in made.signature()


def test_a_readable_text_is_a_score(folder, monkeypatch):
    judge = LocalJudge(folder)
    network, processor = judge._loaded
    reply = json.dumps({"reason": "fine", "score": 3})
    spoken = torch.tensor([processor.tokenizer(reply)["input_ids"]])
    monkeypatch.setattr(
        network, "generate", lambda input_ids, **others: torch.cat([input_ids, spoken], dim=1)
    )
    rows = VlmAction(VlmAction.Options(), MetricContext(judge=judge)).measure(batch())
    assert rows.tolist() == [[0.75], [0.75]]


def test_the_version_is_the_hash_of_the_folder(folder, tmp_path):
    copy = tmp_path / "other-name"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert LocalJudge(copy).version == LocalJudge(folder).version
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config, indent=1))
    assert LocalJudge(copy).version != LocalJudge(folder).version


def test_a_damaged_folder_is_refused(folder, tmp_path):
    copy = tmp_path / "cut"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(BenchError, match="cut"):
        LocalJudge(copy).answers([question(1)])
    with pytest.raises(BenchError, match="--judge-weights"):
        LocalJudge(tmp_path / "nothing")


def test_a_model_without_a_chat_template(folder, tmp_path):
    copy = tmp_path / "plain"
    copy.mkdir()
    for path in folder.iterdir():
        if "chat_template" not in path.name:
            (copy / path.name).write_bytes(path.read_bytes())
    tokens = json.loads((copy / "tokenizer_config.json").read_text())
    tokens.pop("chat_template", None)
    (copy / "tokenizer_config.json").write_text(json.dumps(tokens))
    with pytest.raises(BenchError, match="has no chat template"):
        LocalJudge(copy).answers([question(1)])


def test_the_options_open_it_without_a_licence_question(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_MODEL", "another")
    options = JudgeOptions(judge_weights=folder)
    found = open_judge(options, metrics=["vlm_action"], licence="Some licence", cache=tmp_path)
    assert isinstance(found, LocalJudge) and found.obstacle() is None
