"""The toy judge on loopback: its answers, what it refuses, and scores in files and in memory."""

import json
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

import egoactgen_bench as bench_api
from egoactgen_bench import BenchError, Scorer
from egoactgen_bench.metrics.vlm.judge_prompts import load_prompt
from egoactgen_bench.support.images import read_rgb
from egoactgen_bench.toy.judge_answers import answer
from egoactgen_bench.toy.judge_server import MODEL, VERSION, serving_judge
from egoactgen_bench.toy.networks.drawn_clips import draw

JUDGED = "vlm_action,vlm_scene,vlm_hands,vlm_prefers"
BLUE = Image.new("RGB", (64, 64), "blue")
JUNK = (b"", b"[]", b"{}", b'{"messages": [{"content": [{}]}]}', b"\xff")


def asked(name, images, action=""):
    return json.loads(answer(load_prompt(name).about(action), images))


def test_it_sees_actions_scenes_hands_and_prefers_the_action(tmp_path):
    drawn = draw("val", 2, tmp_path)
    pairs = [[Image.fromarray(each) for each in pair] for pair in drawn.frames]
    scores = [
        asked("action-1", pair, label)["score"]
        for pair, label in zip(pairs, drawn.labels, strict=True)
    ]
    assert np.mean(scores) > 3
    place = scores.index(4)
    (before, after), label = pairs[place], drawn.labels[place]
    assert asked("action-1", [before, after], "sing a song")["score"] == 1
    assert asked("action-1", [before, before], label)["score"] == 0
    assert asked("scene-1", [before, before])["score"] == 4
    assert asked("scene-1", [before, BLUE])["score"] == 0
    assert (asked("hands-1", [after])["score"], asked("hands-1", [BLUE])["score"]) == (4, 0)
    assert asked("prefers-1", [before, before, after], label)["better"] == "third"
    assert asked("prefers-1", [before, after, before], label)["better"] == "second"
    assert answer("Hello", []) == "ready"


def test_it_refuses_what_is_not_a_chat():
    with serving_judge() as url:
        for body in JUNK:
            for path, code in (("chat/completions", 400), ("images/edits", 404)):
                with pytest.raises(urllib.error.HTTPError) as failure:
                    urllib.request.urlopen(f"{url}/{path}", data=body, timeout=10)
                assert failure.value.code == code


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_scorer_gives_the_values_of_bench_score(drawn_split, runs, tmp_path):
    split, run = bench_api.load_split(drawn_split), bench_api.load_run(runs["far"])
    target, frames = (
        [read_rgb(split.frame_path(name)) for name in split.samples[f"{role}_frame"]]
        for role in ("target", "input")
    )
    outputs = [read_rgb(run.image_path(name)) for name in run.samples["image"]]
    with serving_judge() as url:
        judge = {"judge_url": url, "judge_model": MODEL}
        scores = bench_api.score(split, run, metrics=JUDGED, **judge)
        scorer = Scorer(JUDGED, dataset=split, workspace=tmp_path / "another", **judge)
        for part in (slice(0, 4), slice(4, 6)):
            actions = list(split.samples["action"])[part]
            scorer.update(outputs[part], target[part], frames[part], actions)
    summary = scores.summary.set_index("run")
    assert scorer.compute() == {name: summary.loc["far", name] for name in JUDGED.split(",")}
    for about in scores.metrics.values():
        assert f"|judge:{MODEL}|version:{VERSION}|" in about.signature


def test_scorer_needs_a_judge_and_permission():
    with pytest.raises(BenchError, match="the vlm_ metrics need a judge"):
        Scorer("vlm_action")
    here = {"judge_url": "http://127.0.0.1:9/v1", "judge_model": "m"}
    with pytest.raises(BenchError, match="images of lego, which are not available in memory"):
        Scorer("vlm_prefers", options={"vlm_prefers.against": "lego"}, **here)
    away = {"judge_url": "https://example.org/v1", "judge_model": "m"}
    with pytest.raises(BenchError, match=r"data set that was not named .*--allow-upload"):
        Scorer("vlm_action", **away)
    with pytest.raises(BenchError, match=r"under the .*--allow-upload"):
        Scorer("vlm_action", dataset="epic-kitchens", **away)
