"""`endpoint:MODEL` with a server of image edits on loopback."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pandas as pd
import pytest
from PIL import Image

from drawn_split import write_drawn_split
from egoactgen_bench.support.files import read_json, write_json
from hostile_server import BEHAVIOURS, good_image, picture, serving_endpoint

KEY = "sk-very-secret-key"
VARYING = ("timing", "device", "versions", "checksum", "files")


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def generate(bench, drawn_split):
    def call(url, *arguments, **options):
        chosen = {"base_url": url, **options}
        pairs = [word for key, value in chosen.items() for word in ("-o", f"{key}={value}")]
        return bench("run", "--method", "endpoint:org/model", *arguments, *pairs)

    return call


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "workspace" / "runs" / "drawn-val" / "endpoint-model"


def rows_of(folder):
    return pd.read_csv(folder / "samples.csv", keep_default_na=False).drop(columns="seconds")


def settled(folder):
    """What a repeated call must reproduce."""
    manifest = read_json(folder / "run.json")
    images = {path.name: path.read_bytes() for path in (folder / "images").iterdir()}
    fixed = {key: value for key, value in manifest.items() if key not in VARYING}
    return images, rows_of(folder).to_csv(), fixed


def test_images_have_the_size_of_the_frame_and_their_origin_is_recorded(
    generate, bench, folder, drawn_split, tmp_path
):
    with serving_endpoint() as server:
        result = generate(server.url, price_in=1, price_out=10)
    assert result.status == 0, result.err
    sample = pd.read_csv(drawn_split / "samples.csv").iloc[0]
    (call,) = [each for each in server.calls if each.before == 0][:1]
    frame = Image.open(drawn_split / sample["input_frame"]).tobytes()
    sent = [
        (name, Image.open(io.BytesIO(png))) for each in server.calls for name, png in each.files
    ]
    assert {name for name, _ in sent} == {"image"}
    assert frame in [image.tobytes() for _, image in sent]
    assert call.fields == {"model": "org/model", "prompt": call.fields["prompt"], "n": "1"}
    for image in rows_of(folder)["image"]:
        assert Image.open(folder / image).size == (96, 64)
    manifest = read_json(folder / "run.json")
    assert manifest["reproducible_by_seed"] is False
    assert manifest["endpoint"] == {
        "model": "org/model",
        "hosts": ["127.0.0.1"],
        "reported_models": [],
        "replies": 6,
        "tokens": {"in": 1800, "out": 6000},
        "sizes": {"48x32": 6},
        "prices": {"million_input_tokens": 1.0, "million_output_tokens": 10.0},
        "cost": 0.0618,
    }
    assert "6 requests were sent to 127.0.0.1, which cost 0.0618" in result.out
    assert "not reproducible by the seed" in result.out
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    assert "127.0.0.1:" not in (folder / "run.json").read_text()
    verified = bench("verify", folder)
    assert verified.status == 0
    assert "which the seed does not reproduce" in verified.out
    scored = bench("score", "--metrics", "psnr", "--reference", "copy-input")
    assert scored.status == 0, scored.err
    note = "Not reproducible by the seed, as a server generates the images: endpoint-model."
    assert note in " ".join(scored.out.split())


def test_a_repeated_call_asks_nothing_and_gives_the_same_bytes(generate, folder):
    with serving_endpoint() as server:
        generate(server.url)
        first = settled(folder)
        again = generate(server.url, "--overwrite", concurrency=1, timeout=5)
        assert again.status == 0, again.err
        assert len(server.calls) == 6
        assert settled(folder)[:2] == first[:2]
        generate(server.url, "--overwrite")
        assert settled(folder) == first
        finished = generate(server.url, retries=1)  # does not affect an image
        assert "already complete" in finished.out
        generate(server.url, "--seed", "1", "--name", "second")
        assert len(server.calls) == 12


def test_neither_order_nor_concurrency_changes_an_image(generate, folder):
    def slow(call):
        time.sleep(0.2 if "drawer" in call.fields["prompt"] else 0.05)
        call.answer()

    with serving_endpoint(slow) as server:
        generate(server.url, concurrency=3)
        assert server.most == 3
        first = settled(folder)[0]
    for path in (folder.parents[2] / "cache" / "endpoints").rglob("*.reply"):
        path.unlink()
    with serving_endpoint() as server:
        generate(server.url, "--overwrite", concurrency=1)
        assert len(server.calls) == 6
    assert settled(folder)[0] == first


def test_refusals_and_bad_replies_are_errors_of_their_samples(generate, folder):
    def moody(call):
        if "drawer" in call.fields["prompt"]:
            BEHAVIOURS["refuses"][0](call)
        elif "mug" in call.fields["prompt"]:
            call.say({"data": [{"b64_json": "%"}]})
        else:
            call.answer()

    with serving_endpoint(moody) as server:
        result = generate(server.url)
        assert result.status == 1, result.err
        assert Counter(rows_of(folder)["status"]) == {"ok": 2, "refused": 2, "bad_reply": 2}
        assert "refused (Your request was rejected by the safety system.)" in result.out
        assert read_json(folder / "run.json")["endpoint"]["replies"] == 2
        generate(server.url, "--overwrite")  # refusals and results are kept
        assert Counter(call.fields["prompt"] for call in server.calls[6:]) == {"take mug": 2}


def test_a_limit_stops_the_call_and_keeps_everything(generate, folder):
    with serving_endpoint() as server:
        for _ in range(2):
            stopped = generate(server.url, max_requests=2)
            assert stopped.status == 2
            assert "Stopped at max_requests=2, after 2 requests of this call" in stopped.err
            assert not (folder / "run.json").exists()
        done = generate(server.url, max_cost=0.5, price_image=0.25)
        assert done.status == 0, done.err
    assert len(server.calls) == 6
    assert read_json(folder / "run.json")["endpoint"]["cost"] == 1.5


def test_a_dry_run_estimates_requests_and_cost(generate, folder):
    with serving_endpoint() as server:
        for options, cost in (
            ({}, "at an unknown cost"),
            ({"price_image": 0.04}, "at a cost of about 0.24"),
            ({"price_in": 1, "price_out": 10}, "at a cost that is unknown until an earlier run"),
        ):
            result = generate(server.url, "--dry-run", **options)
            assert result.status == 0, result.err
            assert f"Up to 6 requests to 127.0.0.1, {cost}" in " ".join(result.out.split())
        assert server.calls == []
        generate(server.url)
        known = generate(
            server.url, "--dry-run", "--name", "b", "--limit", 2, price_in=100, price_out=100
        )
        assert "Up to 2 requests to 127.0.0.1, at a cost of about 0.26" in known.out


def test_licensed_frames_leave_this_machine_only_with_permission(
    generate, bench, drawn_split, tmp_path
):
    manifest = read_json(drawn_split / "split.json")
    write_json(drawn_split / "split.json", manifest | {"dataset": "ego4d"})
    far = "http://192.0.2.1:9/v1"  # reserved for documentation: answers nothing
    refused = generate(far)
    assert refused.status == 2
    assert "sent to 192.0.2.1, and are under the Ego4D license agreement" in refused.err
    assert "--allow-upload" in refused.err
    for asked in ("V00_0", drawn_split / "frames" / "V00_0" / "input.png"):
        imagined = bench(
            *("imagine", asked, "--action", "open drawer", "--method", "endpoint:m"),
            *("-o", f"base_url={far}"),
        )
        assert imagined.status == 2
        assert "under the Ego4D license agreement" in imagined.err
    allowed = generate(far, "--allow-upload", "--dry-run")
    assert allowed.status == 0, allowed.err
    with serving_endpoint() as server:
        assert generate(server.url).status == 0


def test_an_imagined_frame_records_its_origin(bench, drawn_split, tmp_path):
    with serving_endpoint() as server:
        result = bench(
            *("imagine", "V00_0", "--action", "open drawer", "--method", "endpoint:m"),
            *("-o", f"base_url={server.url}", "-o", f"key={KEY}2"),
        )
    assert result.status == 0, result.err
    found = tmp_path / "workspace" / "imagined" / "V00_0" / "endpoint-m" / "imagine.json"
    manifest = read_json(found)
    assert manifest["endpoint"]["replies"] == 1
    assert manifest["reproducible_by_seed"] is False
    assert server.calls[0].headers["Authorization"] == f"Bearer {KEY}2"
    assert KEY not in found.read_text()


def test_prompts_and_parameters(generate, folder):
    with serving_endpoint() as server:
        generate(
            server.url,
            "--limit",
            1,
            template="{action}, first-person view",
            size="1536x1024",
            extra='{"quality": "low", "user": "x"}',
            send_seed=True,
            key=f"{KEY}2",
        )
    (call,) = server.calls
    seed = rows_of(folder)["seed"][0]
    assert call.fields == {
        "model": "org/model",
        "prompt": "open drawer, first-person view",
        "n": "1",
        "size": "1536x1024",
        "quality": "low",
        "user": "x",
        "seed": str(seed % (1 << 31)),
    }
    assert rows_of(folder)["prompt"][0] == "open drawer, first-person view"
    options = read_json(folder / "run.json")["options"]
    assert options["passed"].keys() == {"template", "size", "extra", "send_seed"}
    assert options["resolved"]["extra"] == {"quality": "low", "user": "x"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"size": "big"}, "size=big"),
        ({"extra": "[1]"}, "extra="),
        ({"extra": "{quality: low}"}, "give a JSON object"),
        ({"extra": '{"prompt": "x"}'}, "the method itself sets prompt"),
        ({"template": "no name"}, "{action} or {description}"),
        ({"prompt": "description"}, "give --descriptions NAME"),
        ({"max_cost": 1}, "max_cost needs prices"),
        ({"price_in": 1}, "belong together"),
        ({"base_url": "http://127.0.0.1@evil.example/v1"}, "expected http://HOST"),
        ({"key": "two\nlines"}, "characters that no key has"),
        ({"concurency": 2}, "Did you mean 'concurrency'?"),
    ],
)
def test_options_that_cannot_work_are_refused_before_anything_is_sent(generate, options, reason):
    with serving_endpoint() as server:
        result = generate(options.get("base_url", server.url), **options)
    assert result.status == 2
    assert reason in result.err
    assert KEY not in result.err
    assert server.calls == []


def test_openai_needs_a_key(bench, drawn_split, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    result = bench("run", "--method", "endpoint:gpt-image-1")
    assert result.status == 2
    assert "api.openai.com needs an API key" in result.err


@pytest.mark.parametrize("count", [40, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_killed_run_resumes_without_asking_again(count, tmp_path):
    place = tmp_path / "workspace"
    write_drawn_split(place / "splits" / "drawn-val", count, size=(12, 8))
    concurrency, killed_after = 4, count // 2
    images = {}

    def remember(call):
        images[picture(call).tobytes()] = None
        time.sleep(0.01)
        call.say(good_image(call))

    code = "import sys; from egoactgen_bench.cli import main; sys.exit(main())"
    with serving_endpoint(remember) as server:
        words = ["run", "--method", "endpoint:m", "-w", place, "-o", f"base_url={server.url}"]
        words += ["-o", f"concurrency={concurrency}", "--name", "m"]
        command = [sys.executable, "-c", code, *map(str, words)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        while len(server.calls) < killed_after and process.poll() is None:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        before = len(server.calls)
        assert killed_after <= before < count
        subprocess.run(command, check=True, capture_output=True)
        # Only replies that were on their way when the process was killed are requested again.
        assert count <= len(server.calls) <= count + concurrency
    samples = pd.read_csv(place / "runs" / "drawn-val" / "m" / "samples.csv")
    assert Counter(samples["status"]) == {"ok": count}
    assert json.loads((place / "runs/drawn-val/m/run.json").read_text())["counts"]["failed"] == 0


def test_the_options_are_listed_with_their_types(bench):
    result = bench("methods", "endpoint")
    assert result.status == 0
    assert ("template", "str|none") in [tuple(line.split()[:2]) for line in result.out.splitlines()]


def test_a_missing_package_is_named_before_anything_is_sent(generate, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with serving_endpoint() as server:
        result = generate(server.url)
    assert result.status == 2
    assert "pip install 'egoactgen-bench[endpoint]'" in result.err
    assert server.calls == []
