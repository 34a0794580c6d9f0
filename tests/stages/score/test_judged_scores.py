"""`bench score` with a judge: missing values, notes, control rows, other runs, licences."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drawn_runs import contents, scores_folder
from egoactgen_bench.analysis.intervals import clusters_of
from egoactgen_bench.artifacts.manifests import MetricRecord, ScoredRun
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.measurement.candidates import other_samples, reference_of
from egoactgen_bench.stages.score.control_rows import control_notices
from egoactgen_bench.stages.score.score_columns import Column
from hostile_server import good_chat, serving_endpoint

CONTROLS = "copy-input,target,other-target"


def images_of(call):
    """The pixels of the images of a request."""
    content = call.fields["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    data = [base64.b64decode(url.partition(",")[2]) for url in urls]
    return [np.asarray(Image.open(io.BytesIO(each)), float) for each in data]


def judging(call):
    """The action is seen where something changed; the brighter one of two images is preferred."""
    if isinstance(call.fields["messages"][-1]["content"], str):
        call.answer()
        return
    first, *others = images_of(call)
    if len(others) == 2:
        answer = {"better": "second" if others[0].mean() >= others[1].mean() else "third"}
    else:
        answer = {"score": 0 if others and np.array_equal(first, others[0]) else 4}
    call.say(good_chat(json.dumps({"reason": "pixels"} | answer)))


def unreadable_for_mugs(call):
    if "take mug" in str(call.fields):
        call.say(good_chat("I would give this image a 4."))
    elif "cut onion" in str(call.fields):
        call.say(good_chat(message={"role": "assistant", "refusal": "I cannot.", "content": None}))
    else:
        judging(call)


@pytest.fixture
def judged(bench):
    """Call `bench score` with a judge that answers with `behave`."""

    def call(*arguments, behave=judging, metrics="vlm_action"):
        with serving_endpoint(behave) as server:
            named = ("--metrics", metrics) if metrics else ()
            judge = ("--judge-url", server.url, "--judge-model", "m")
            result = bench("score", *named, *judge, *arguments)
        return result, server

    return call


def test_values_notes_and_costs(judged, drawn_split, runs):
    prices = ("--judge-price-in", 10, "--judge-price-out", 100)
    result, server = judged("--reference", CONTROLS, *prices)
    assert result.status == 0, result.err
    assert len(server.calls) == 1 + 5 * 6
    assert "31 requests to the judge, 3,100 tokens in, 310 out, cost 0.0620" in result.err
    folder = scores_folder(drawn_split)
    summary = pd.read_csv(folder / "summary.csv", index_col="run")
    assert summary["vlm_action"].to_dict() == {
        **{"near": 100, "far": 100, "copy-input": 0, "target": 100, "other-target": 100}
    }
    table = (folder / "table.md").read_text()
    assert "judged by m (reported version: m-2026) with prompt action-1-" in table
    assert "judged by m (reported version: m-2026)" in result.out
    signature = pd.read_csv(folder / "scores.csv")["signature"][0]
    assert signature.startswith("vlm_action|judge:m|version:m-2026|")
    assert "127.0.0.1" not in (folder / "score.json").read_text() + table
    timing = json.loads((folder / "score.json").read_text())["timing"]
    assert timing["judge"] == {"requests": 31, "tokens_in": 3100, "tokens_out": 310, "cost": 0.062}


def test_an_unreadable_reply_is_missing_and_counted(judged, drawn_split, runs):
    result, _ = judged(behave=unreadable_for_mugs, metrics="vlm_action,psnr")
    assert result.status == 1
    folder = scores_folder(drawn_split)
    values = pd.read_csv(folder / "scores.csv")
    assert (values["metric"] == "vlm_action").sum() == 2 * 2  # 2 of 6 samples open a drawer
    errors = pd.read_csv(folder / "errors.csv")
    assert errors["code"].value_counts().to_dict() == {"unreadable_reply": 4, "refused": 4}
    table = (folder / "table.md").read_text()
    assert "8 values could not be computed (4 unreadable_reply, 4 refused)" in table
    assert "100.0† [–] (n 2)" in table.replace("\\", "")
    assert "unreadable_reply" in result.err


def test_a_repeated_call_asks_nothing_and_gives_the_same_bytes(judged, drawn_split, runs):
    metrics = "vlm_action,vlm_scene,vlm_hands,vlm_prefers"
    assert judged(metrics=metrics)[0].status == 0
    before = contents(scores_folder(drawn_split))
    result, server = judged("--overwrite", "--batch-size", 1, metrics=metrics)
    assert [isinstance(call.fields["messages"][0]["content"], str) for call in server.calls] == [
        True  # the version only, because of --overwrite
    ]
    assert result.status == 0
    assert contents(scores_folder(drawn_split)) == before
    _, server = judged("--judge-concurrency", 1, metrics=metrics)
    assert server.calls == []


def test_preference_against_another_run(judged, bench, drawn_split, runs):
    against = ("-o", "vlm_prefers.against=far")
    result, server = judged(*against, metrics="vlm_prefers")
    assert result.status == 0, result.err
    assert len(server.calls) == 1 + 2 * 6  # `far` equals itself, without a question
    values = pd.read_csv(scores_folder(drawn_split) / "scores.csv").set_index("run")["value"]
    assert (values["far"] == 0.5).all()
    split = load_split(drawn_split)

    def brightness(run):
        return [
            np.asarray(Image.open(runs[run] / f"images/{name}.png"), float).mean()
            for name in split.samples["sample_id"]
        ]

    wanted = np.greater(brightness("near"), brightness("far")).astype(float)
    assert values["near"].tolist() == wanted.tolist()
    signature = pd.read_csv(scores_folder(drawn_split) / "scores.csv")["signature"][0]
    assert "|against:far|" in signature and "|images:" in signature
    unknown, _ = judged("-o", "vlm_prefers.against=nobody", metrics="vlm_prefers")
    assert unknown.status == 2 and "nobody" in unknown.err


def test_without_a_judge_one_line_says_so(bench, drawn_split, runs, monkeypatch):
    monkeypatch.delenv("OPENAI_MODEL", raising=False)
    result = bench("score")
    assert result.status == 0
    (line,) = [line for line in result.err.splitlines() if "vlm_action" in line]
    assert "the vlm_ metrics need a judge: name a vision-language model with" in line
    named = bench("score", "--metrics", "psnr,vlm_action")
    assert named.status == 1 and "--judge-model NAME" in named.err


def test_an_endpoint_that_is_down_does_not_affect_other_metrics(bench, drawn_split, runs):
    down = ("--judge-url", "http://127.0.0.1:9/v1", "--judge-model", "m", "--judge-retries", 0)
    result = bench("score", "--metrics", "psnr,vlm_action", *down)
    assert result.status == 1
    assert "The judge 'm' at 127.0.0.1 does not reply" in result.err
    assert "PSNR" in result.out and "VLM" not in result.out.splitlines()[2]


def test_licensed_frames_are_not_sent(bench, drawn_split, runs):
    manifest = drawn_split / "split.json"
    content = json.loads(manifest.read_text()) | {"licence": "Licence of Drawings"}
    manifest.write_text(json.dumps(content))
    elsewhere = ("--judge-url", "https://example.org/v1", "--judge-model", "m")
    result = bench("score", "--metrics", "vlm_action", *elsewhere)
    assert result.status == 2
    assert "Licence of Drawings" in result.err and "--allow-upload" in result.err


def test_a_dry_run_sends_nothing(judged, runs):
    result, server = judged("--dry-run", metrics="vlm_action,vlm_prefers")
    assert (result.status, server.calls) == (0, [])
    assert "up to 36 requests to 127.0.0.1, at an unknown cost" in result.out


def test_other_target_is_of_another_video_and_action(drawn_split):
    split = load_split(drawn_split)
    places = other_samples(split)
    others = split.samples.iloc[places].reset_index()
    assert (others["video_id"] != split.samples["video_id"]).all()
    assert (others["action"] != split.samples["action"]).all()
    assert other_samples(split) == places
    reference = reference_of(split, "other-target")
    shown = [reference.output(place).sha256 for place in range(len(places))]
    assert shown == others["target_sha256"].tolist()


def test_one_video_has_no_other_target(bench, drawn_split, runs):
    split = load_split(drawn_split)
    split.samples["video_id"] = "V00"
    with pytest.raises(Exception, match="needs samples of two videos"):
        other_samples(split)


def column(values, controls=("input", "other target")):
    record = MetricRecord(
        label="Seen",
        unit="",
        factor=100,
        decimals=1,
        higher_is_better=True,
        primary=False,
        per_sample=True,
        signature="seen",
        controls=list(controls),
    )
    made = Column.empty("seen", record, *values.shape)
    made.values[:] = values
    return made


ROLES = ("", "target", "input", "other target")
ROWS = [ScoredRun(run=f"r{n}", reference=bool(role), copy_of=role) for n, role in enumerate(ROLES)]
VIDEOS = clusters_of([f"V{n // 2}" for n in range(16)])


def notices(target, copy, other, **more):
    values = np.stack([np.zeros(16), target, copy, other], axis=1)
    return control_notices([column(values, **more)], ROWS, VIDEOS)


def test_a_judge_that_sees_the_difference_gets_no_warning():
    assert notices(np.ones(16), np.zeros(16), np.zeros(16)) == []
    assert notices(np.zeros(16), np.ones(16), np.ones(16), controls=()) == []


def test_a_judge_that_does_not_is_warned_of():
    (found,) = notices(np.ones(16), np.ones(16), np.zeros(16))
    assert found.startswith("warning: Seen cannot tell the target from copy-input (difference 0.0")
    (found,) = notices(np.zeros(16), np.zeros(16) - 1, np.ones(16))  # the wrong direction
    assert "cannot tell the target from other-target (difference -100.0" in found
    noise = np.random.default_rng(0).normal(size=16)
    assert len(notices(noise, -noise[::-1], noise[::-1])) == 2


def test_missing_control_rows_are_named_once():
    values = np.stack([np.zeros(16), np.ones(16)], axis=1)
    columns = [column(values), column(values)]
    (found,) = control_notices(columns, ROWS[:2], VIDEOS)
    assert found.endswith("asked for (Seen): add --reference copy-input,other-target.")
    assert control_notices([column(values, controls=())], ROWS[:2], VIDEOS) == []
