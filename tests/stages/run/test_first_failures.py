"""A run stops when its first samples all fail alike."""

import json
import uuid

import pytest

from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.run.first_failures import ASKED, FirstFailures

METHOD = """
from pathlib import Path
from egoactgen_bench.api.method import Method
from egoactgen_bench.errors import SampleError

class Broken(Method):
    def generate(self, requests):
        calls = Path(__file__).with_name("calls")
        calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
        if Path(__file__).with_name("repaired").exists():
            return [request.input for request in requests]
        raise ValueError("no such layer")

class Refusing(Method):
    def generate(self, requests):
        raise SampleError("refused", "the filter rejects it")

class Finished(Broken):
    stops_early = False
"""


def rows(*codes, detail="no such layer", first=0):
    return [
        {"sample_id": f"s_{first + i}", "status": code, "detail": "" if code == OK else detail}
        for i, code in enumerate(codes)
    ]


@pytest.fixture
def recorded():
    return {}


@pytest.fixture
def first(recorded):
    return FirstFailures("mine", True, recorded.__setitem__)


def fail(first, count, **changed):
    for number in range(count):
        first.add(number, rows("method_error", first=number, **changed))


def test_the_first_eight_alike_stop_the_run_and_are_not_recorded(first, recorded):
    fail(first, ASKED - 1)
    assert recorded == {}
    with pytest.raises(BenchError, match=r"The first 8 samples of mine all failed with method_err"):
        first.add(ASKED, rows("method_error", first=ASKED))
    assert recorded == {}


def test_one_other_outcome_records_all(first, recorded):
    fail(first, 3)
    first.add(3, rows("ok"))
    assert list(recorded) == [0, 1, 2, 3]
    fail(first, 20)
    first.finish()
    assert len(recorded) == 20


def test_another_message_or_code_is_another_failure(recorded):
    for other in (rows("method_error", detail="another"), rows("not_finite")):
        first = FirstFailures("mine", True, recorded.__setitem__)
        fail(first, ASKED - 1)
        first.add(ASKED, other)
        first.finish()
        assert len(recorded) == ASKED
        recorded.clear()


def test_messages_about_memory_differ_in_their_numbers(first):
    for number in range(ASKED - 1):
        first.add(number, rows("out_of_memory", detail=f"tried 2 GiB, {number}.5 GiB are free"))
    with pytest.raises(BenchError, match="out_of_memory"):
        first.add(ASKED, rows("out_of_memory", detail="tried 2 GiB, 9.25 GiB are free"))


def test_failures_of_samples_do_not_count(first, recorded):
    for number in range(20):
        first.add(number, rows("refused", "flagged", "missing_description"))
    first.add(20, rows("undecodable_image"), frozenset({"s_0"}))
    first.finish()
    assert len(recorded) == 21


def test_a_shorter_run_stops_at_its_end_only_if_it_is_whole(recorded):
    first = FirstFailures("mine", True, recorded.__setitem__)
    fail(first, 2)
    with pytest.raises(BenchError, match="The first 2 samples"):
        first.finish()
    first = FirstFailures("mine", False, recorded.__setitem__)
    fail(first, 2)
    first.finish()
    assert len(recorded) == 2


def test_a_single_sample_is_recorded(first, recorded):
    fail(first, 1)
    first.finish()
    assert len(recorded) == 1


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"broken_{uuid.uuid4().hex}"  # modules stay imported
    (tmp_path / f"{name}.py").write_text(METHOD)
    return name


def test_bench_run_stops_and_retries(bench, drawn_split, module, tmp_path):
    call = ("run", "--method", f"{module}:Broken", "--run", "mine", "--batch-size", 2)
    folder = drawn_split.parents[1] / "runs/drawn-val/mine"
    result = bench(*call)
    assert result.status == 2
    assert "all failed with method_error (ValueError: no such layer" in result.err
    assert "--keep-going" in result.err
    assert not (folder / "run.json").exists()
    asked = len((tmp_path / "calls").read_text())
    result = bench(*call, "--keep-going")
    assert result.status == 1
    assert len((tmp_path / "calls").read_text()) == 2 * asked
    result = bench(*call, "--overwrite")
    assert result.status == 2
    (tmp_path / "repaired").touch()
    assert bench(*call).status == 0
    manifest = json.loads((folder / "run.json").read_text())
    assert manifest["counts"]["by_status"] == {"ok": manifest["counts"]["samples"]}


@pytest.mark.parametrize("name", ["Refusing", "Finished"])
def test_ordinary_failures_finish_the_run(bench, drawn_split, module, name):
    result = bench("run", "--method", f"{module}:{name}", "--run", "mine")
    assert result.status == 1
    assert (drawn_split.parents[1] / "runs/drawn-val/mine/run.json").is_file()
