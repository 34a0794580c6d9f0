"""`bench lego curate` with a chat server on loopback, with valid and invalid replies."""

import json
import time

import pandas as pd
import pytest

from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.boxes.named_boxes import Boxes
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.verify import verify
from egoactgen_lego.curation.asking import Query, description_in, messages, read_examples
from egoactgen_lego.options.curate_options import EXAMPLES
from hostile_server import TEXT as GOOD
from hostile_server import good_chat, serving_endpoint

FOLDER = "instructions/curated"


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


def curate(bench, server, *arguments):
    return bench("lego", "curate", "--model", "m", "--base-url", server.url, *arguments)


def test_sentences_are_also_written_as_descriptions(bench, drawn_split):
    with serving_endpoint(answer) as server:
        result = curate(bench, server, "--descriptions", "true")
    assert result.status == 0, result.err
    samples = pd.read_csv(drawn_split / "samples.csv")
    found = load_descriptions(drawn_split, "true")
    assert found.texts == dict.fromkeys(samples["sample_id"], GOOD)
    assert verify(drawn_split) == []


def good(text=GOOD):
    return good_chat(json.dumps({"description": text}))


def answer(call):
    call.say(good())


def rows_of(folder):
    return [json.loads(line) for line in (folder / "replies.jsonl").read_text().splitlines()]


def test_descriptions_become_instruction_data(bench, drawn_split):
    with serving_endpoint(answer) as server:
        result = curate(bench, server, "--price-in", "1.5", "--price-out", "2")
        again = curate(bench, server)
    assert (result.status, again.status) == (0, 0), result.err
    assert "6 of 6 samples described" in result.out
    assert "600 tokens in, 60 out, cost 0.0010" in result.out
    assert len(server.calls) == 6  # no reply is requested twice
    folder = drawn_split / FOLDER
    data = json.loads((folder / "instructions.json").read_text())
    samples = pd.read_csv(drawn_split / "samples.csv")
    assert [entry["id"] for entry in data] == list(samples["sample_id"])
    for entry, sample in zip(data, samples.to_dict("records"), strict=True):
        assert entry.keys() == {"id", "image", "action", "conversations"}
        assert (drawn_split / entry["image"]).is_file()
        human, gpt = entry["conversations"]
        assert human["from"] == "human"
        assert human["value"].startswith("<image>\n")
        assert sample["action"] in human["value"]
        assert gpt == {"from": "gpt", "value": GOOD}
    manifest = json.loads((folder / "curation.json").read_text())
    assert manifest["counts"] == {"samples": 6, "described": 6, "lacking": 0}
    assert manifest["tokens"] == {"in": 600, "out": 60}
    assert manifest["model"] == "m"
    raw = rows_of(folder)
    assert {row["reply"] for row in raw} == {json.dumps({"description": GOOD})}


def test_the_conversation_contains_examples_and_boxes(bench, drawn_split, tmp_path):
    boxes = {
        "V00_0": {
            "before": [{"name": "left hand", "box": [0, 0.25, 0.5, 1]}],
            "during": [{"name": "drawer", "box": [0.125, 0.2, 0.4, 0.6]}],
        }
    }
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(boxes))
    with serving_endpoint(answer) as server:
        result = curate(bench, server, "--boxes", path, "--limit", 2, "--temperature", "0.2")
    assert result.status == 1
    assert "failed: V01_4: no_boxes" in result.out
    (request,) = [call.fields for call in server.calls]
    assert (request["model"], request["temperature"]) == ("m", 0.2)
    assert "max_tokens" not in request
    assert [message["role"] for message in request["messages"]] == [
        "system",
        *["user", "assistant"] * 8,
        "user",
    ]
    assert request["messages"][-1]["content"] == (
        "Action: open drawer\nBefore:\n- left hand: [0.00, 0.25, 0.50, 1.00]\n"
        "During:\n- drawer: [0.12, 0.20, 0.40, 0.60]"
    )
    for example in request["messages"][2:-1:2]:
        assert description_in(example["content"])


def test_a_rate_limit_is_respected(bench, drawn_split):
    def limited(call):
        if call.before == 0:
            call.say({"error": {"message": "slow down"}}, 429, Retry_After="1")
        else:
            call.say(good())

    with serving_endpoint(limited) as server:
        result = curate(bench, server, "--limit", 1)
    assert result.status == 0, result.out
    first, second = server.times
    assert second - first >= 1
    assert [row["status"] for row in rows_of(drawn_split / FOLDER)] == ["ok"]


def test_requests_are_retried_after_timeouts_disconnections_and_failures(bench, drawn_split):
    def bad(call):
        if call.before:
            call.say(good())
        elif "open" in call.query:
            time.sleep(2)
        elif "take" in call.query:  # less than the announced length, then the connection ends
            call.say(b'{"choices": [', Content_Length="4000")
            call.handler.close_connection = True
        else:
            call.say({"error": {"message": "overloaded"}}, 503)

    with serving_endpoint(bad) as server:
        result = curate(bench, server, "--limit", 3, "--attempt-timeout", "0.7")
    assert result.status == 0, result.out
    assert len(server.calls) == 6


def test_invalid_replies_are_counted_and_kept_but_never_become_data(bench, drawn_split):
    def nonsense(call):
        if "open" in call.query:
            call.say(good_chat("I am a language model and cannot see boxes."))
        elif "take" in call.query:
            call.say(good_chat('{"description": "It takes the', finish_reason="length"))
        elif call.before < 2:
            call.say(good("too short"))
        else:
            call.say(good())

    with serving_endpoint(nonsense) as server:
        result = curate(bench, server, "--limit", 3, "--attempts", "3")
    assert result.status == 1
    assert "failed: V00_0: malformed (not a JSON object)" in result.out
    assert "failed: V01_1: cut_off" in result.out
    assert "Replies: 3 cut_off, 5 malformed, 1 ok; 900 tokens in, 90 out" in result.out
    folder = drawn_split / FOLDER
    data = json.loads((folder / "instructions.json").read_text())
    assert [entry["id"] for entry in data] == ["V02_5"]
    assert "cannot see boxes" not in (folder / "instructions.json").read_text()
    assert sum("cannot see boxes" in row["reply"] for row in rows_of(folder)) == 3

    with serving_endpoint(answer) as server:  # only missing samples are requested again
        result = curate(bench, server, "--limit", 3)
    assert result.status == 0
    assert len(server.calls) == 2


def test_replies_in_another_protocol_fail_samples_but_not_the_call(bench, drawn_split):
    bodies = iter([b"<html>", b"[]", b"{}", b'{"choices": []}'])

    def strange(call):
        call.say(next(bodies))

    with serving_endpoint(strange) as server:
        result = curate(bench, server, "--limit", 4, "--retries", "0", "--concurrency", "1")
    assert result.status == 1, result.err
    assert result.out.count("bad_reply") == 5  # four samples and the count
    assert "0 of 4 samples described" in result.out


@pytest.mark.parametrize(("status", "named"), [(401, "rejects the key"), (404, "no model 'm'")])
def test_a_call_that_would_always_fail_ends_at_once(bench, drawn_split, status, named):
    def refuse(call):
        call.say({"error": {"message": "no"}}, status)

    with serving_endpoint(refuse) as server:
        result = curate(bench, server, "--concurrency", "1")
    assert result.status == 2
    assert named in result.err
    assert len(server.calls) <= 2


def test_key_and_model_come_from_the_environment_and_are_not_written(
    bench, drawn_split, monkeypatch
):
    with serving_endpoint(answer) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_MODEL", "other")
        result = bench("lego", "curate", "--limit", 2)
    assert result.status == 0, result.err
    assert server.calls[0].headers["Authorization"] == "Bearer sk-secret"
    assert server.calls[0].fields["model"] == "other"
    written = [path for path in drawn_split.rglob("*") if path.is_file()]
    assert not any(b"sk-secret" in path.read_bytes() for path in written)


def test_the_number_of_simultaneous_requests_is_limited(bench, drawn_split):
    def slow(call):
        time.sleep(0.1)
        call.say(good())

    with serving_endpoint(slow) as server:
        curate(bench, server, "--concurrency", "2")
    assert server.most == 2


def test_an_incomplete_line_is_dropped_and_another_plan_refused(bench, drawn_split):
    with serving_endpoint(answer) as server:
        curate(bench, server, "--limit", 3)
        path = drawn_split / FOLDER / "replies.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole[:-20])  # killed while it wrote
        assert curate(bench, server, "--limit", 3).status == 0
        assert len(server.calls) == 3  # the reply is kept elsewhere, too
        assert len(path.read_bytes().splitlines()) == 3
        other = curate(bench, server, "--limit", 3, "--seed", "1")
        assert other.status == 2
        assert "seed 0 → 1, drawn.seed 0 → 1): choose another --name" in other.err
        assert curate(bench, server, "--limit", 3, "--seed", "1", "--overwrite").status == 0


def test_a_local_model_replies(bench, drawn_split, tmp_path):
    tiny_chat_model(tmp_path / "chat")
    result = bench(
        *("lego", "curate", "--local", tmp_path / "chat"),
        *("--limit", 1, "--max-tokens", 4, "--attempts", 1),
    )
    assert result.status == 1, result.err
    (row, *_) = rows_of(drawn_split / FOLDER)
    assert row["status"] in ("malformed", "cut_off")  # it is untrained
    assert row["tokens_in"] > 100
    neither = bench("lego", "curate")
    assert (neither.status, "--model" in neither.err) == (2, True)


def tiny_chat_model(folder):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: number for number, word in enumerate([*alphabet, "</s>"])}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")
    fast.chat_template = "{% for m in messages %}{{ m['role'] + ':' + m['content'] }}{% endfor %}"
    fast.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=8192,
        eos_token_id=len(words) - 1,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "not a JSON"),
        ("The person opens it with the right hand and pulls.", "not a JSON"),
        ('{"description": 3}', "not a text"),
        ('{"text": "The person opens it with the right hand."}', "not {"),
        ('["The person opens it with the right hand and pulls."]', "not {"),
        ('{"description": "The person opens it."}', "words, expected 8 to 300"),
        (json.dumps({"description": "word " * 400}), "400 words"),
        ('{"description": "The hand at [0.55, 0.62, 0.71, 0.94] opens the drawer."}', "boxes"),
        (
            '{"description": "The person opens \\u0000 it with the right hand and pulls."}',
            "unprint",
        ),
    ],
)
def test_replies_without_a_description(reply, reason):
    with pytest.raises(ValueError, match=reason):
        description_in(reply)


def test_fences_and_line_breaks_are_accepted():
    text = f'```json\n{{"description": "{GOOD[:20]}\\n{GOOD[20:].strip()}"}}\n```'
    assert description_in(text).split() == GOOD[:20].split() + GOOD[20:].split()


def test_examples_come_with_the_package_and_broken_ones_are_named(tmp_path):
    examples = read_examples(EXAMPLES)
    assert len(examples) == 8
    assert all(example.query.boxes.before and example.query.boxes.during for example in examples)
    asked = messages(examples, Query("wash", Boxes()))
    assert asked[-1]["content"] == "Action: wash"
    broken = tmp_path / "broken.json"
    broken.write_text('[{"action": "wash", "before": [{"name": "hand", "box": [0, 0, 2, 1]}]}]')
    with pytest.raises(BenchError, match=r"within \[0, 1\]"):
        read_examples(broken)


def test_limited_samples_are_drawn_from_all_videos(bench, drawn_split):
    # The first four rows are of one video, which a prefix would take alone.
    samples = pd.read_csv(drawn_split / "samples.csv").sort_values("video_id", kind="stable")
    samples["video_id"] = ["V00"] * 4 + ["V01"] * 2
    samples.to_csv(drawn_split / "samples.csv", index=False)
    with serving_endpoint(answer) as server:
        result = curate(bench, server, "--limit", 3)
    assert result.status == 0, result.err
    line = "Samples: 3 of the split's 6 samples, drawn from all its videos (seed 0)."
    assert line in result.out
    data = json.loads((drawn_split / FOLDER / "instructions.json").read_text())
    videos = samples.set_index("sample_id").loc[[entry["id"] for entry in data], "video_id"]
    assert sorted(videos) == ["V00", "V00", "V01"]
    manifest = json.loads((drawn_split / FOLDER / "curation.json").read_text())
    rule = "systematic over samples sorted by video"
    assert manifest["drawn"] == {"rule": rule, "count": 3, "of": 6, "seed": 0}


def test_a_curation_of_the_first_samples_is_not_resumed(bench, drawn_split):
    with serving_endpoint(answer) as server:
        curate(bench, server, "--limit", 3)
        manifest = drawn_split / FOLDER / "curation.json"
        content = json.loads(manifest.read_text())
        del content["drawn"], content["checksum"]  # as written before samples were drawn
        manifest.write_text(json.dumps(content))
        result = curate(bench, server, "--limit", 3)
    assert result.status == 2
    assert "a finished curation with other settings (drawn.rule null → " in result.err
    assert "choose another --name or --out, or replace it with --overwrite" in result.err
