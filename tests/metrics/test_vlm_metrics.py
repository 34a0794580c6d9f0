"""The metrics that a vision-language model judges: questions, strict replies, both orders."""

import json

import numpy as np
import pytest
from PIL import Image

from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.errors import SampleError
from egoactgen_bench.metrics.vlm.judge_prompts import FOLDER, JudgePrompt, load_prompt
from egoactgen_bench.metrics.vlm.judge_replies import read_order, read_score
from egoactgen_bench.metrics.vlm.judged_metrics import VlmAction, VlmHands, VlmScene
from egoactgen_bench.metrics.vlm.vlm_preference import VlmPrefers
from fake_judge import FakeJudge

RATED = (VlmAction, VlmScene, VlmHands)


def flat(level, size=(12, 8)):
    return Image.new("RGB", size, (level, level, level))


def made(metric, judge, **options):
    return metric(metric.Options(**options), MetricContext(judge=judge))


def reply(**answer):
    return json.dumps({"reason": "because"} | answer)


def batch(outputs=(50, 60), inputs=(1, 2), **more):
    roles = {
        "input": [flat(level) for level in inputs],
        "output": [flat(level) for level in outputs],
        "action": ["open drawer", 'say "{action}"'],
    }
    return Batch(roles | more)


@pytest.mark.parametrize("score", range(5))
@pytest.mark.parametrize("metric", RATED)
def test_a_score_of_4_is_1(metric, score):
    judge = FakeJudge(lambda question: reply(score=score))
    rows = made(metric, judge).measure(batch())
    assert rows.dtype == np.float32
    assert rows.tolist() == [[score / 4]] * 2


@pytest.mark.parametrize(
    ("metric", "levels"), [(VlmAction, (1, 50)), (VlmScene, (1, 50)), (VlmHands, (50,))]
)
def test_each_question_shows_its_images_and_the_label(metric, levels):
    judge = FakeJudge(lambda question: reply(score=1))
    made(metric, judge).measure(batch())
    first, second = judge.asked
    assert [image.getpixel((0, 0))[0] for image in first.images] == list(levels)
    assert ("open drawer" in first.text) == (metric is VlmAction)
    assert ('say "{action}"' in second.text) == (metric is VlmAction)


def test_outputs_are_sent_in_the_size_of_the_frame():
    judge = FakeJudge(lambda question: reply(score=1))
    squashed = [flat(9, (8, 8)), flat(9, (20, 20))]
    made(VlmScene, judge).measure(batch(output=squashed))
    assert [image.size for image in judge.asked[1].images] == [(12, 8)] * 2


@pytest.mark.parametrize(
    ("answers", "value"),
    [(("second", "third"), 1), (("third", "second"), 0), (("second", "second"), 0.5)],
)
def test_the_value_is_the_share_of_orders_that_the_output_wins(answers, value):
    judge = FakeJudge()
    given = iter(answers)
    judge.reply = lambda question: reply(better=next(given))
    single = batch().single(0)
    rows = made(VlmPrefers, judge).measure(single)
    assert rows.tolist() == [[value]]
    shown = [[image.getpixel((0, 0))[0] for image in each.images] for each in judge.asked]
    assert shown == [[1, 50, 1], [1, 1, 50]]


def test_another_run_takes_the_place_of_the_input():
    judge = FakeJudge(lambda question: reply(better="second"))
    metric = made(VlmPrefers, judge, against="theirs")
    assert metric.against == "theirs" and "against" in metric.needs
    assert made(VlmPrefers, judge).against is None
    metric.measure(batch(against=[flat(7), flat(8)]).single(1))
    shown = [[image.getpixel((0, 0))[0] for image in each.images] for each in judge.asked]
    assert shown == [[2, 60, 8], [2, 8, 60]]


def test_equal_images_are_a_draw_without_a_question():
    judge = FakeJudge(lambda question: reply(better="second"))
    rows = made(VlmPrefers, judge).measure(batch(outputs=(1, 60)))
    assert rows.tolist() == [[0.5], [0.5]]
    assert len(judge.asked) == 2  # about the second sample


def test_a_missing_reply_is_an_error_of_its_sample_only():
    def answers(question):
        if "open drawer" in question.text:
            return SampleError("refused", "no")
        return reply(score=4)

    first, second = made(VlmAction, FakeJudge(answers)).measure(batch())
    assert first.code == "refused"
    assert second.tolist() == [1.0]
    given = iter([reply(better="second"), "I cannot", *[reply(better="second")] * 2])
    first, second = made(VlmPrefers, FakeJudge(lambda question: next(given))).measure(batch())
    assert first.code == "unreadable_reply"
    assert second.tolist() == [0.5]


JUNK = [
    "",
    "4",
    '"4"',
    "null",
    "[]",
    "Score: 4",
    '{"score": 4}',
    '{"reason": "x"}',
    '{"reason": 1, "score": 4}',
    '{"reason": "x", "score": 4',
    '{"reason": "x", "score": 4} and more',
    '{"reason": "x", "score": 4}{"reason": "x", "score": 0}',
    '{"reason": "x", "score": 0, "score": 4}',
    '{"reason": "x", "score": 4, "confidence": 1}',
    *(f'{{"reason": "x", "score": {score}}}' for score in (5, -1, 3.0, 2.5, "true", "null")),
    '{"reason": "x", "score": "4"}',
    '{"reason": "x", "score": NaN}',
    '{"reason": "x", "score": 1e400}',
    '{"reason": "x", "score": 99999999999999999999999}',
    '{"reason": "' + "x" * 70_000 + '", "score": 4}',
    "[" * 5000 + "]" * 5000,
    '{"a":' * 5000,
    '```json\n{"reason": "x", "score": 4}',
    'Here it is: ```json\n{"reason": "x", "score": 4}\n```',
    '{"reason": "x", "score": ' + "9" * 5000 + "}",
]


@pytest.mark.parametrize("text", JUNK)
def test_junk_is_unreadable_and_never_a_score(text):
    with pytest.raises(SampleError) as failure:
        read_score(text)
    assert failure.value.code == "unreadable_reply"
    assert failure.value.detail


@pytest.mark.parametrize("better", ["first", "Second", "", 2, None, ["second"], {"second": 1}])
def test_another_order_is_unreadable(better):
    with pytest.raises(SampleError, match="unreadable_reply"):
        read_order(reply(better=better))


@pytest.mark.parametrize("text", ["{}", "```json\n{}\n```", "```\n{}\n```", " {}\n"])
def test_a_block_of_markdown_changes_nothing(text):
    assert read_score(text.replace("{}", reply(score=3))) == 0.75
    assert read_order(text.replace("{}", reply(better="third"))) == "third"


def test_the_signature_names_model_version_parameters_and_prompt(monkeypatch):
    judge = FakeJudge()
    judge.model, judge.version, judge.decoding = "a/b|c", "b-2026-01-01", '{"temperature":0}'
    metric = made(VlmAction, judge)
    signed = load_prompt("action-1").signed
    for part in ("judge:a/b/c", "version:b-2026-01-01", 'decoding:{"temperature":0}', signed):
        assert part in metric.signature()
    assert metric.note() == (
        f"judged by a/b|c (reported version: b-2026-01-01) with prompt {signed}"
    )
    before = metric.signature()
    changed = JudgePrompt("action-1", load_prompt("action-1").text + " Now.")
    monkeypatch.setattr(VlmAction, "prompt", property(lambda self: changed))
    assert metric.signature() != before


def test_prompts_describe_all_levels_and_are_recognised():
    names = sorted(path.stem for path in FOLDER.glob("*.txt"))
    assert names == ["action-1", "hands-1", "prefers-1", "scene-1"]
    prompts = [load_prompt(name) for name in names]
    for prompt in prompts:
        assert '{"reason": ' in prompt.text
        if prompt.name != "prefers-1":
            assert all(f"\n{level}: " in prompt.text for level in range(5))
        sent = prompt.about("open drawer")
        assert [each.action_in(sent) is not None for each in prompts].count(True) == 1
    assert load_prompt("action-1").action_in(load_prompt("action-1").about("cut")) == "cut"


def test_without_a_judge_a_sentence_says_what_to_do():
    metric = made(VlmAction, None)
    assert "--judge-model NAME" in metric.obstacle()
    assert "judge:none" in metric.signature()
