"""`bench lego enrich --model`: descriptions by a model behind an API, and their features."""

import base64
import io
import json
from collections import Counter

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.support.files import read_json, write_json
from hostile_server import TEXT, good_chat, serving_endpoint
from tiny_vllm import write_tiny_vllm

PARTS = "descriptions/served.parts"


def pixels(png):
    """The pixels of a PNG file, whose compression does not matter."""
    return Image.open(png).tobytes()


def pixels_of_url(url):
    return pixels(io.BytesIO(base64.b64decode(url.partition(",")[2])))


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def enrich(bench, drawn_split):
    def call(url, *arguments):
        words = ("--base-url", url, "--model", "m", "--name", "served")
        return bench("lego", "enrich", *words, *arguments)

    return call


def answer(call):
    call.say(good_chat(f"{TEXT}\n  {call.query}"))


def test_frame_and_question_become_descriptions(enrich, bench, drawn_split):
    with serving_endpoint(answer) as server:
        result = enrich(server.url, "--price-in", "1", "--price-out", "10")
        again = enrich(server.url, "--concurrency", "1")
        assert (result.status, again.status) == (0, 0), result.err
        assert len(server.calls) == 6
    assert "6 of 6 samples described" in result.out
    assert "Replies: 6; 600 tokens in, 60 out, cost 0.0012." in result.out
    samples = pd.read_csv(drawn_split / "samples.csv")
    question = "How does the person properly {} that is displayed in the video frame?"
    found = load_descriptions(drawn_split, "served")
    assert found.texts == {
        row.sample_id: f"{TEXT} {question.format(row.action)}" for row in samples.itertuples()
    }
    frames = {pixels(drawn_split / name) for name in samples.input_frame}
    sent = [call.fields["messages"][0]["content"] for call in server.calls]
    assert {pixels_of_url(part[0]["image_url"]["url"]) for part in sent} == frames
    fields = server.calls[0].fields
    assert (fields["model"], fields["temperature"], fields["max_tokens"]) == ("m", 0.2, 1024)
    assert len({call.fields["seed"] for call in server.calls}) == 6
    manifest = read_json(drawn_split / "descriptions" / "served.json")
    assert manifest["vllm"] == "m"
    assert manifest["reproducible_by_seed"] is False
    assert manifest["endpoint"]["hosts"] == ["127.0.0.1"]
    assert manifest["endpoint"]["reported_models"] == ["m-2026"]
    assert manifest["endpoint"]["cost"] == "unknown"  # of the second call, which has no prices
    assert bench("verify", drawn_split).status == 0
    other = enrich("http://127.0.0.1:9/v1", "--seed", "1")
    assert other.status == 2
    assert "seed 0 → 1" in other.err


def test_failures_are_named_and_only_they_are_requested_again(enrich, drawn_split):
    def moody(call):
        if "drawer" in call.query:
            call.say(good_chat("", finish_reason="content_filter"))
        elif "mug" in call.query:
            call.say(good_chat(" \n"))
        else:
            call.say(good_chat("The person cuts", finish_reason="length"))

    frame = drawn_split / "frames" / "V01_1" / "input.png"
    whole = frame.read_bytes()
    frame.write_bytes(whole[:100])
    with serving_endpoint(moody) as server:
        result = enrich(server.url, "--attempts", "2")
        assert result.status == 1, result.err
        assert len(server.calls) == 6  # 2 refused, 1 twice empty, 2 described
    assert "failed: V00_0: refused ()" in result.out
    assert "failed: V01_1: undecodable_image (input frame frames/V01_1/input.png" in result.out
    assert "failed: V01_4: empty_description" in result.out
    assert "2 descriptions are cut off" in result.out
    rows = [json.loads(line) for line in (drawn_split / PARTS / "replies.jsonl").open()]
    assert Counter(row["status"] for row in rows) == {
        "refused": 2,
        "empty_description": 2,
        "undecodable_image": 1,
        "ok": 2,
    }
    failed = read_json(drawn_split / "descriptions" / "served.json")["failed"]
    assert {row["sample_id"] for row in failed} == {"V00_0", "V00_3", "V01_1", "V01_4"}
    frame.write_bytes(whole)
    with serving_endpoint(answer) as server:
        assert enrich(server.url, "--attempts", "2").status == 0
        assert len(server.calls) == 4
        enrich(server.url, "--attempts", "2", "--overwrite")
        texts = load_descriptions(drawn_split, "served").texts
    assert texts["V02_2"] == "The person cuts"  # the kept reply


def test_a_limit_stops_and_the_same_command_continues(enrich, drawn_split):
    with serving_endpoint(answer) as server:
        stopped = enrich(server.url, "--max-requests", "4", "--concurrency", "2")
        assert stopped.status == 2
        assert "Stopped at max_requests=4" in stopped.err
        assert not (drawn_split / "descriptions" / "served.json").exists()
        assert enrich(server.url, "--max-requests", "4").status == 0
        assert len(server.calls) == 6


@pytest.mark.parametrize("command", ["enrich", "curate"])
def test_licensed_data_leave_this_machine_only_with_permission(bench, drawn_split, command):
    manifest = read_json(drawn_split / "split.json")
    write_json(drawn_split / "split.json", manifest | {"dataset": "epic-kitchens"})
    words = ("lego", command, "--model", "m", "--retries", 0, "--limit", 1)
    far = ("--base-url", "http://192.0.2.1:9/v1", "--timeout", "0.2")
    refused = bench(*words, *far)
    assert refused.status == 2
    assert "sent to 192.0.2.1, and are under the EPIC-KITCHENS licence" in refused.err
    allowed = bench(*words, *far, "--allow-upload")
    assert allowed.status == 1
    assert "no_reply" in allowed.out
    with serving_endpoint() as server:
        bench(*words, "--base-url", server.url, "--name", "near")
        assert len(server.calls) >= 1


def test_options_that_do_not_go_together_are_refused(bench, drawn_split, tmp_path):
    for words, reason in (
        ((), "Give --weights DIR, or --model NAME"),
        (("--model", "m", "--features", tmp_path), "`bench lego embed` afterwards"),
        (("--model", "m", "--shard", "1/2"), "--features and --shard need --weights"),
        (("--model", "m", "--max-cost", "1"), "max_cost needs prices"),
    ):
        result = bench("lego", "enrich", *words)
        assert result.status == 2
        assert reason in result.err


def test_features_of_served_texts_are_those_of_a_local_vllm(bench, drawn_split, enrich, tmp_path):
    weights = write_tiny_vllm(tmp_path / "tiny-vllm")
    local = ("--weights", weights, "--name", "local", "--max-new-tokens", "12")
    words = ("--temperature", "0", "--features", tmp_path / "local")
    assert bench("lego", "enrich", *local, *words).status == 0
    texts = load_descriptions(drawn_split, "local").texts
    samples = pd.read_csv(drawn_split / "samples.csv")
    by_frame = {
        pixels(drawn_split / row.input_frame): texts[row.sample_id] for row in samples.itertuples()
    }

    def repeat(call):
        url = call.fields["messages"][0]["content"][0]["image_url"]["url"]
        call.say(good_chat(by_frame[pixels_of_url(url)]))

    with serving_endpoint(repeat) as server:
        assert enrich(server.url).status == 0
    assert load_descriptions(drawn_split, "served").texts == texts
    for name in ("local", "served"):
        embedded = bench(
            *("lego", "embed", "--descriptions", name, "--weights", weights),
            *("--out", tmp_path / f"embedded-{name}"),
        )
        assert embedded.status == 0, embedded.err
    found = {
        name: {
            path.relative_to(tmp_path / name).as_posix(): load_file(path)
            for path in (tmp_path / name).rglob("*.safetensors")
        }
        for name in ("local", "embedded-local", "embedded-served")
    }
    assert len(found["local"]) == 12
    for name, tensors in found["local"].items():
        served = found["embedded-served"][name]
        for key, values in tensors.items():
            assert torch.equal(served[key], found["embedded-local"][name][key]), name
            # Embedding adds the end token of a text that was cut off.
            assert len(served[key]) - len(values) in (0, 1)
            assert torch.allclose(served[key][: len(values)], values, atol=0.01), name
