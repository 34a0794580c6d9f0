"""A judge behind an endpoint: named failures, one version, kept replies, bounds."""

import json
import threading
import time

import pytest
from PIL import Image

from egoactgen_bench.api.image_judge import Question
from egoactgen_bench.endpoints import retry_delays
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.judging.judge_options import JudgeOptions
from egoactgen_bench.judging.open_judge import open_judge
from egoactgen_bench.metrics.vlm.judge_replies import SCORE_SCHEMA
from hostile_server import BEHAVIOURS, good_chat, serving_endpoint

SLOW = ("stalls", "drips", "drips headers")
LICENCE = "Ego4D License Agreement"


def judge_of(url, cache, *, licence=None, metrics=(), fresh=False, offline=False, **options):
    settings = {"judge_url": url, "judge_model": "m", "judge_retries": 1} | options
    return open_judge(
        JudgeOptions(**settings),
        metrics=metrics,
        licence=licence,
        cache=cache,
        fresh=fresh,
        offline=offline,
    )


def question(number=0):
    return Question(f"Question {number}", [Image.new("RGB", (8, 6), (number, 0, 0))], SCORE_SCHEMA)


def is_probe(call):
    return isinstance(call.fields["messages"][-1]["content"], str)


def after_probe(behave):
    """The first, short question gets a good reply."""

    def either(call):
        call.answer() if is_probe(call) else behave(call)

    return either


def scored(call):
    call.say(good_chat(json.dumps({"reason": call.query, "score": len(call.query) % 5})))


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch):
    monkeypatch.setattr(retry_delays, "FIRST_DELAY", 0.01)


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_hostile_reply_is_a_named_failure_of_its_question(name, tmp_path):
    behave, code = BEHAVIOURS[name]
    slow = {"judge_timeout": 0.6} if name in SLOW else {"judge_timeout": 20}

    def half(call):
        good = is_probe(call) or call.query == "Question 1"
        scored(call) if good else behave(call)

    begun = time.monotonic()
    with serving_endpoint(half) as server:
        judge = judge_of(server.url, tmp_path, **slow)
        if code is None:
            with pytest.raises(BenchError):
                judge.answers([question(0)])
        else:
            first, second = judge.answers([question(0), question(1)])
            assert (first.code, json.loads(second)["reason"]) == (code, "Question 1")
    assert time.monotonic() - begun < 6


@pytest.mark.parametrize("name", ["fails", "sends a page", "refuses"])
def test_an_endpoint_that_does_not_work_is_one_sentence(name, tmp_path):
    with serving_endpoint(BEHAVIOURS[name][0]) as server:
        judge = judge_of(server.url, tmp_path)
        sentence = judge.obstacle()
        requests = len(server.calls)
        assert sentence == judge.obstacle()
        with pytest.raises(BenchError, match="does not reply"):
            judge.answers([question()])
        assert len(server.calls) == requests  # asked for once
    assert "The judge 'm' at 127.0.0.1 does not reply" in sentence


def test_a_wrong_key_ends_the_call(tmp_path):
    rejecting = serving_endpoint(BEHAVIOURS["rejects the key"][0])
    with rejecting as server, pytest.raises(BenchError, match="OPENAI_API_KEY"):
        judge_of(server.url, tmp_path).obstacle()


def test_the_request(tmp_path):
    with serving_endpoint(after_probe(scored)) as server:
        judge = judge_of(server.url, tmp_path, judge_parameters='{"max_tokens": null, "seed": 3}')
        judge.answers([question()])
    fields = server.calls[1].fields
    assert fields["temperature"] == 0 and fields["seed"] == 3 and "max_tokens" not in fields
    assert fields["response_format"]["json_schema"]["schema"] == SCORE_SCHEMA
    kinds = [part["type"] for part in fields["messages"][0]["content"]]
    assert kinds == ["image_url", "text"] and len(fields["messages"]) == 1
    assert judge.decoding == '{"seed":3,"temperature":0}'


def test_a_server_without_structured_output(tmp_path):
    with serving_endpoint(after_probe(scored)) as server:
        judge = judge_of(server.url, tmp_path, judge_parameters={"response_format": None})
        judge.answers([question()])
    assert "response_format" not in server.calls[1].fields
    assert '"response_format":null' in judge.decoding


def test_order_and_concurrency_change_nothing_and_nothing_is_asked_twice(tmp_path):
    asked = [question(number) for number in range(24)]
    with serving_endpoint(after_probe(lambda call: (time.sleep(0.02), scored(call)))) as server:
        first = judge_of(server.url, tmp_path, judge_concurrency=8).answers(asked)
        assert server.most > 3
        again = judge_of(server.url, tmp_path, judge_concurrency=1).answers(asked[::-1])
        assert again == first[::-1]
        assert len(server.calls) == 1 + 24
    # Without a server, and at another address, as the content is the same.
    elsewhere = judge_of("http://127.0.0.1:9/v1", tmp_path)
    assert elsewhere.answers(asked[5:9]) == first[5:9]
    assert elsewhere.version == "m-2026"


def test_a_killed_call_resumes_without_asking_again(tmp_path):
    lock = threading.Lock()
    answered = []

    def dying(call):
        with lock:
            if len(answered) >= 12:
                call.handler.close_connection = True
                call.handler.connection.close()
                return
            answered.append(call.query)
        scored(call)

    asked = [question(number) for number in range(30)]
    with serving_endpoint(after_probe(dying)) as server:
        partial = judge_of(server.url, tmp_path, judge_retries=0).answers(asked)
    assert sum(isinstance(each, str) for each in partial) == 12
    with serving_endpoint(after_probe(scored)) as server:
        whole = judge_of(server.url, tmp_path).answers(asked)
        assert len(server.calls) == 18
        assert not {call.query for call in server.calls} & set(answered)
    assert all(isinstance(each, str) for each in whole)


def versioned(version):
    def behave(call):
        call.say(good_chat(json.dumps({"reason": version, "score": 1})) | {"model": version})

    return behave


def test_replies_of_two_versions_are_never_mixed(tmp_path):
    with serving_endpoint(versioned("m-1")) as server:
        judge = judge_of(server.url, tmp_path)
        (old,) = judge.answers([question(0)])
        assert judge.version == "m-1"
    with serving_endpoint(versioned("m-2")) as server:
        same, other = judge_of(server.url, tmp_path).answers([question(0), question(1)])
        assert (same, other.code) == (old, "other_version")
        assert "m-2" in other.detail and "--overwrite" in other.detail
        fresh = judge_of(server.url, tmp_path, fresh=True)
        assert fresh.version == "m-2"
        assert [json.loads(each)["reason"] for each in fresh.answers([question(0)])] == ["m-2"]
        assert judge_of(server.url, tmp_path).version == "m-2"


def test_a_server_without_a_version(tmp_path):
    with serving_endpoint(versioned(None)) as server:
        judge = judge_of(server.url, tmp_path)
        assert [type(each) for each in judge.answers([question()])] == [str]
    assert judge.version == "unreported"


def test_a_limit_ends_the_call_and_the_next_one_continues(tmp_path):
    asked = [question(number) for number in range(6)]
    limits = {"judge_max_requests": 4, "judge_concurrency": 1}
    with serving_endpoint(after_probe(scored)) as server:
        with pytest.raises(BenchError, match="max_requests=4"):
            judge_of(server.url, tmp_path, **limits).answers(asked)
        judge = judge_of(server.url, tmp_path, **limits)
        assert all(isinstance(each, str) for each in judge.answers(asked))
        assert len(server.calls) == 1 + 6
        budget = judge.client.budget
        assert (budget.requests, budget.tokens_in, budget.tokens_out) == (3, 300, 30)


def test_an_estimate_sends_nothing(tmp_path):
    with serving_endpoint() as server:
        judge = judge_of(server.url, tmp_path, offline=True)
        assert (judge.obstacle(), judge.version) == (None, "not asked")
        assert server.calls == []


def test_licensed_frames_stay_here_unless_allowed(tmp_path, monkeypatch):
    with pytest.raises(BenchError, match=LICENCE):
        judge_of("https://example.org/v1", tmp_path, licence=LICENCE)
    assert judge_of("https://example.org/v1", tmp_path, licence=LICENCE, allow_upload=True)
    assert judge_of("http://127.0.0.1:9/v1", tmp_path, licence=LICENCE)


def test_the_environment_names_a_judge_only_if_one_is_wanted(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_MODEL", "from-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")

    def model(metrics=(), **options):
        found = judge_of(None, tmp_path, metrics=metrics, judge_model=None, **options)
        return found and found.model

    assert model() is None
    assert model(["psnr"]) is None
    assert model(["psnr", "vlm_hands"]) == "from-environment"
    assert model(judge_url="http://127.0.0.1:9/v1") == "from-environment"
    monkeypatch.delenv("OPENAI_MODEL")
    with pytest.raises(BenchError, match="--judge-model"):
        model(judge_url="http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    "text", ["[1]", "{", '{"model": "x"}', '{"messages": []}', '{"response_format": {}}']
)
def test_invalid_parameters(text):
    with pytest.raises(ValueError, match=r"JSON object|the judge itself sets|dictionary"):
        JudgeOptions(judge_parameters=text)


def test_a_local_and_a_served_model_exclude_each_other(tmp_path):
    with pytest.raises(BenchError, match="give one of the two"):
        judge_of("http://127.0.0.1:9/v1", tmp_path, judge_weights=tmp_path)


def test_errors_of_questions_are_sample_errors(tmp_path):
    with serving_endpoint(after_probe(BEHAVIOURS["refuses"][0])) as server:
        judge = judge_of(server.url, tmp_path)
        for _ in range(2):  # the second one from the kept refusal
            (answer,) = judge.answers([question()])
            assert isinstance(answer, SampleError) and answer.code == "refused"
        assert len(server.calls) == 2
