"""The client against a hostile server: each request costs one bounded, named failure."""

import json
import time

import pytest
from PIL import Image

from egoactgen_bench.endpoints import endpoint_client, retry_delays
from egoactgen_bench.endpoints.chat_endpoint import chat, user_message
from egoactgen_bench.endpoints.endpoint_address import parse_address
from egoactgen_bench.endpoints.endpoint_client import EndpointClient, RequestLimits
from egoactgen_bench.endpoints.image_edits import edit_image
from egoactgen_bench.endpoints.input_images import InputImage
from egoactgen_bench.endpoints.kept_replies import KeptReplies
from egoactgen_bench.endpoints.request_threads import in_threads
from egoactgen_bench.errors import BenchError, SampleError
from hostile_server import (
    BEHAVIOURS,
    IMAGE_BEHAVIOURS,
    encoded,
    good_chat,
    image_reply,
    serving_endpoint,
)

KEY = "sk-very-secret"
SLOW = ("stalls", "drips", "drips headers")
FRAME = InputImage(Image.new("RGB", (24, 16), (9, 8, 7)))


def made_client(url, folder, **limits):
    bounds = {"timeout": 20, "attempt_timeout": 10, "retries": 1, "largest": 4 << 20} | limits
    return EndpointClient(
        "m", parse_address(url), KEY, RequestLimits(**bounds), KeptReplies(folder)
    )


def ask(kind, client):
    if kind == "chat":
        return chat(client, [user_message("What is it?", [FRAME])])
    return edit_image(client, [FRAME], "open drawer")


@pytest.mark.parametrize("kind", ["chat", "image"])
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_hostile_reply_is_a_bounded_and_named_failure(name, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(retry_delays, "FIRST_DELAY", 0.01)
    behave, code = BEHAVIOURS[name]
    # Short only where the time is what ends the request, as a busy machine may be slow.
    slow = {"timeout": 0.6, "attempt_timeout": 0.3} if name in SLOW else {}
    begun = time.monotonic()
    with serving_endpoint(behave) as server:
        client = made_client(server.url, tmp_path, **slow)
        with pytest.raises(SampleError if code else BenchError) as failure:
            ask(kind, client)
        requests = len(server.calls)
        if code == "refused":  # kept, as results are
            with pytest.raises(SampleError, match="refused"):
                ask(kind, client)
            assert len(server.calls) == requests == 1
    assert time.monotonic() - begun < 4
    assert KEY not in str(failure.value)
    assert str(failure.value).isprintable()
    if code:
        assert failure.value.code == code
    assert len(list(tmp_path.rglob("*.reply"))) == (code == "refused")


@pytest.mark.parametrize("name", IMAGE_BEHAVIOURS)
def test_an_image_that_is_none_is_named_and_not_kept(name, tmp_path):
    data, code = IMAGE_BEHAVIOURS[name]
    with serving_endpoint(lambda call: call.say({"data": [data]})) as server:
        with pytest.raises(SampleError) as failure:
            ask("image", made_client(server.url, tmp_path))
        assert len(server.calls) == 1
    assert failure.value.code == code
    assert list(tmp_path.rglob("*.reply")) == []


def test_the_key_is_removed_from_headers_and_escaped_texts(tmp_path):
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
    with (
        serving_endpoint(lambda call: call.say(b"<html>", Content_Type=KEY)) as server,
        pytest.raises(SampleError, match=r"not a JSON object \(\*\*\*\)"),
    ):
        ask("chat", made_client(server.url, None))
    with serving_endpoint(lambda call: call.say(b"", Content_Encoding=KEY)) as server:
        with pytest.raises(SampleError) as failure:
            ask("chat", made_client(server.url, None))
        assert KEY[:8] not in str(failure.value)
    reply = json.dumps(good_chat("Your key is KEY.")).replace("KEY", escaped).encode()
    with serving_endpoint(lambda call: call.say(reply)) as server:
        assert ask("chat", made_client(server.url, tmp_path)).text == "Your key is ***."
    (kept,) = tmp_path.rglob("*.reply")
    assert escaped.encode() not in kept.read_bytes()


def test_many_threads_share_the_connections(tmp_path):
    with serving_endpoint() as server:
        client = made_client(server.url, tmp_path)
        asked = [[user_message(f"What is {number}?")] for number in range(200)]
        replies = in_threads(lambda messages: chat(client, messages), asked, 16)
        assert len(replies) == len(server.calls) == 200
        assert server.most <= 16


@pytest.mark.parametrize("kind", ["chat", "image"])
def test_the_key_that_a_server_repeats_is_written_nowhere(kind, tmp_path):
    def repeat(call):
        text = call.headers["Authorization"]
        if call.before:
            call.answer()
        else:
            call.say({"error": {"message": f"wrong: {text}"}}, 400)

    with serving_endpoint(repeat) as server:
        client = made_client(server.url, tmp_path)
        with pytest.raises(SampleError, match=r"wrong: Bearer \*\*\*"):
            ask(kind, client)
        ask(kind, client)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert KEY.encode() not in kept[0]
    assert KEY not in repr(client)


def test_limits_are_waited_for_within_the_total_time(tmp_path):
    def limited(call):
        if call.before == 0:
            call.say({"error": {"message": "slow down"}}, 429, Retry_After="1")
        else:
            call.answer()

    with serving_endpoint(limited) as server:
        ask("chat", made_client(server.url, tmp_path, timeout=10, attempt_timeout=5))
        first, second = server.times
        assert second - first >= 1
    with serving_endpoint(limited) as server:
        begun = time.monotonic()
        with pytest.raises(SampleError, match="429: slow down; no time for another one") as failure:
            ask("chat", made_client(server.url, tmp_path / "b", timeout=0.9))
        assert failure.value.code == "no_reply"
        assert len(server.calls) == 1
        assert time.monotonic() - begun < 0.5


def test_a_lost_attempt_is_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(retry_delays, "FIRST_DELAY", 0.01)

    def unreliable(call):
        if call.before == 0:
            BEHAVIOURS["stalls"][0](call)
        elif call.before == 1:
            BEHAVIOURS["cuts off"][0](call)
        elif call.before == 2:
            call.say({"error": {"message": "overloaded"}}, 503)
        else:
            call.answer()

    with serving_endpoint(unreliable) as server:
        limits = {"timeout": 10, "retries": 3, "attempt_timeout": 0.3}
        ask("image", made_client(server.url, tmp_path, **limits))
        assert len(server.calls) == 4


@pytest.mark.parametrize("kind", ["chat", "image"])
def test_a_kept_reply_is_verified_before_it_is_used(kind, tmp_path):
    with serving_endpoint() as server:
        first = ask(kind, made_client(server.url, tmp_path))
        again = ask(kind, made_client(server.url, tmp_path))
        assert len(server.calls) == 1
        (kept,) = tmp_path.rglob("*.reply")
        whole = kept.read_bytes()
        for damaged in (b"", whole[:-1], whole.replace(b"200", b"201"), whole[:-3] + b"}} ", b"[]"):
            kept.write_bytes(damaged)
            before = len(server.calls)
            ask(kind, made_client(server.url, tmp_path))
            # Another status of a success does not change the result.
            assert len(server.calls) - before == (damaged != whole.replace(b"200", b"201"))
    if kind == "image":
        assert first.image.tobytes() == again.image.tobytes()
    else:
        assert first == again


def test_the_content_of_a_request_is_what_it_asks_not_where():
    client = made_client("http://127.0.0.1:9/v1", None)
    request = endpoint_client.EndpointRequest("images/edits", {"prompt": "a"}, [FRAME])
    changed = [
        endpoint_client.EndpointRequest("images/edits", {"prompt": "b"}, [FRAME]),
        endpoint_client.EndpointRequest("images/edits", {"prompt": "a"}, [FRAME, FRAME]),
        endpoint_client.EndpointRequest("images/edits", {"prompt": "a"}, [FRAME], draw=1),
        endpoint_client.EndpointRequest("chat/completions", {"prompt": "a"}, [FRAME]),
        endpoint_client.EndpointRequest(
            "images/edits", {"prompt": "a"}, [InputImage(Image.new("RGB", (16, 24), (9, 8, 7)))]
        ),
    ]
    assert len({request.digest, *(each.digest for each in changed)}) == 6
    assert client.address.url not in repr(request)


def test_several_images_and_parameters_are_sent_as_a_form(tmp_path):
    with serving_endpoint() as server:
        edit_image(
            made_client(server.url, tmp_path),
            [FRAME, FRAME],
            "open drawer",
            parameters={"size": "auto", "seed": 3, "safe": True},
        )
    (call,) = server.calls
    assert [name for name, _ in call.files] == ["image[]", "image[]"]
    assert call.files[0][1] == FRAME.png
    fields = {"model": "m", "prompt": "open drawer", "n": "1", "size": "auto"}
    assert call.fields == fields | {"seed": "3", "safe": "true"}
    assert call.headers["Authorization"] == f"Bearer {KEY}"
    assert call.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("origin", ["", "http://{host}"])
def test_an_image_at_the_same_host_is_fetched_once(origin, tmp_path):
    image = Image.new("RGB", (8, 8), (200, 10, 10))

    def name_it(call):
        call.say({"data": [{"url": f"{origin.format(host=call.headers['Host'])}/out/1.png"}]})

    with serving_endpoint(name_it, {"/out/1.png": InputImage(image).png}) as server:
        for _ in range(2):
            found = ask("image", made_client(server.url, tmp_path))
            assert found.image.tobytes() == image.tobytes()
        assert [call.path for call in server.calls] == ["/v1/images/edits", "/out/1.png"]


def test_opaque_alpha_and_other_formats_are_accepted(tmp_path):
    image = Image.new("RGB", (8, 8), (200, 10, 10))
    for form in (image.convert("RGBA"), image.quantize(), image):
        reply = image_reply(encoded(form))
        with serving_endpoint(lambda call, reply=reply: call.say(reply)) as server:
            found = edit_image(made_client(server.url, None), [FRAME], "x")
        assert found.image.tobytes() == image.tobytes()
        assert (found.usage.tokens_in, found.usage.tokens_out, found.usage.images) == (300, 1000, 1)


def test_texts_that_no_file_can_store_are_repaired():
    with serving_endpoint(lambda call: call.say(good_chat("a\ud800b"))) as server:
        assert ask("chat", made_client(server.url, None)).text == "a?b"


def test_a_schema_asks_for_structured_output():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    with serving_endpoint() as server:
        client = made_client(server.url, None)
        found = chat(client, [user_message("How many?")], schema=schema, seed=3, temperature=None)
    assert found.ended
    assert (found.usage.tokens_in, found.usage.tokens_out, found.model) == (100, 10, "m-2026")
    (call,) = server.calls
    assert call.fields["response_format"]["json_schema"]["schema"] == schema
    assert call.fields["seed"] == 3
    assert "temperature" not in call.fields
