"""`bench score` with a judge is killed in the middle, and resumes without asking again.

    pytest -m slow tests/judging/test_killed_scoring.py

does so with 10,000 samples.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pandas as pd
import pytest

from drawn_runs import write_run
from drawn_split import write_drawn_split
from hostile_server import good_chat, serving_endpoint

CONCURRENCY = 8
BENCH = [sys.executable, "-c", "from egoactgen_bench.cli import main; main()"]


def content(call):
    return json.dumps(call.fields)


def scored(call):
    if isinstance(call.fields["messages"][-1]["content"], str):
        call.answer()
        return
    # A score that depends on the image, as PNG in base64.
    image = call.fields["messages"][-1]["content"][-2]["image_url"]["url"]
    call.say(good_chat(json.dumps({"reason": "bytes", "score": sum(image.encode()) % 5})))


def arguments_of(workspace, url):
    arguments = ["score", "-w", workspace, "--metrics", "vlm_hands", "--bootstrap", 0]
    judge = ["--judge-url", url, "--judge-model", "m", "--judge-concurrency", CONCURRENCY]
    return [*map(str, arguments + judge)]


@pytest.mark.parametrize(
    "count", [60, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_a_killed_call_asks_no_question_twice(bench, count, tmp_path):
    workspace = tmp_path / "workspace"
    split = write_drawn_split(workspace / "splits" / "drawn-val", count=count, size=(16, 12))
    write_run(split, "near", 20)
    with serving_endpoint(scored) as server:
        call = arguments_of(workspace, server.url)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        begun = subprocess.Popen(BENCH + call, **quiet)
        while len(server.calls) < count // 2 and begun.poll() is None:
            time.sleep(0.005)
        os.kill(begun.pid, signal.SIGKILL)
        assert begun.wait() == -signal.SIGKILL
        before = len(server.calls)
        assert before < count
        done = bench(*call)
        assert done.status == 0, done.err
        asked = Counter(content(call) for call in server.calls)
    # Only the replies that were on their way when the call was killed are requested again.
    assert len(asked) == 1 + count
    assert len(server.calls) - len(asked) <= CONCURRENCY
    values = pd.read_csv(workspace / "scores/drawn-val/standard/scores.csv")
    assert len(values) == count
    print(f"{len(server.calls)} requests for {count} samples, killed after {before}")
