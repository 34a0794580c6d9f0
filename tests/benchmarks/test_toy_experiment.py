"""The experiment on the toy kitchen: its commands, their order, and how they are done."""

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import typer

from benchmarks.toy_kitchen import gaps
from benchmarks.toy_kitchen.plan import CUES, PARTS, Plan, Step, World
from benchmarks.toy_kitchen.steps import GROUPS, steps
from benchmarks.toy_kitchen.working import do
from egoactgen_bench.api.options import parse_pairs
from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.cli.app import build
from egoactgen_lego.ablation.ablation_rows import ROWS, TRAININGS
from egoactgen_lego.ablation.option_choices import Choices
from guide_blocks import read

PLAN = Plan(Path("w"), seeds=(0, 4), parts=PARTS)


def test_every_command_is_one_of_the_programs_own():
    program = typer.main.get_command(build())
    named = set()
    for step in steps(PLAN):
        if step.words[0] == "bench":
            name, values = read(program, step.words[1:])
            named.add(name)
            if name == "lego ablate":
                rows = (values["rows"] or ",".join(ROWS)).split(",")
                trainers = {TRAININGS[ROWS[r].training].trainer for r in rows if ROWS[r].training}
                used = {"train": trainers | {"sdedit"}, "run": {"lego", "sdedit"}}
                Choices(parse_pairs(values["options"])).check(used)
    assert named == {
        "prepare-splits",
        "train",
        *(f"lego {name}" for name in ("curate", "tune", "enrich", "ablate")),
    }


@pytest.mark.parametrize("parts", [PARTS, ("cues",), ("steps", "tables"), ("weights",)])
def test_all_needs_come_before(parts):
    before = set()
    for step in steps(Plan(Path("w"), parts=parts)):
        assert before.issuperset(step.needs), step
        before.add(step.name)


def test_all_rows_are_trained_and_no_two_steps_leave_the_same():
    assert {row for group in GROUPS for row in group.split(",")} == {
        name for name, row in ROWS.items() if row.method
    }
    left = [step.leaves for step in steps(PLAN)]
    assert len(set(left)) == len(left)


def test_worlds_share_no_names():
    worlds = [World(PLAN, cue) for cue in CUES]
    names = [(world.train, world.test, world.vllm) for world in worlds]
    assert len({name for each in names for name in each}) == 9


def touching(folder, name, *needs, code="pass"):
    """A step that writes a line to `order` and its own file."""
    said = f"open({str(folder / 'order')!r}, 'a').write('{name} '); {code}"
    said += f"; open({str(folder / name)!r}, 'w')"
    return Step(name, ("python", "-c", said), folder / name, needs)


def test_steps_are_done_once_and_in_order(tmp_path):
    todo = [touching(tmp_path, "a"), touching(tmp_path, "b", "a"), touching(tmp_path, "c", "b")]
    assert do(todo, tmp_path / "logs", 2) == []
    assert do(todo, tmp_path / "logs", 2) == []
    assert (tmp_path / "order").read_text() == "a b c "
    assert len((tmp_path / "logs/times.csv").read_text().splitlines()) == 3


def test_what_needs_a_failure_waits_and_the_rest_goes_on(tmp_path, capsys):
    todo = [
        touching(tmp_path, "a", code="raise SystemExit('torn')"),
        touching(tmp_path, "b", "a"),
        touching(tmp_path, "c"),
    ]
    assert do(todo, tmp_path / "logs", 1) == ["a", "b"]
    assert (tmp_path / "order").read_text() == "a c "
    assert "FAILED: a" in capsys.readouterr().out
    assert "torn" in (tmp_path / "logs/a.log").read_text()


def test_what_runs_is_ended_with_the_call(tmp_path):
    slow = touching(tmp_path, "a", code="import time; time.sleep(60)")
    stop = touching(tmp_path, "b", code="import os, signal; os.kill(os.getppid(), signal.SIGINT)")
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        do([slow, stop], tmp_path / "logs", 2)
    assert time.monotonic() - start < 30
    assert not (tmp_path / "a").exists()


def test_gaps_are_pooled_over_seeds_and_told_seed_by_seed(monkeypatch):
    drawn = np.random.default_rng(0).normal(size=(6, 4, 1))
    runs = ["x1000-joint-s10", "x1000-ip2p-s2", "x1000-joint-s2", "x1000-ip2p-s10"]
    about = MetricRecord(
        **{"label": "PSNR", "unit": "dB", "factor": 2.0, "decimals": 2, "higher_is_better": True},
        **{"primary": True, "per_sample": True, "signature": "psnr"},
    )
    scores = SimpleNamespace(runs=runs, metrics={"psnr": about}, per_sample=lambda *_: drawn)
    monkeypatch.setattr(gaps, "load_scores", lambda _: scores)
    samples = pd.DataFrame({"sample_id": list("abcdef"), "video_id": list("uuvvww")})
    row = gaps.gaps(Path("w"), SimpleNamespace(samples=samples)).iloc[0]
    means = dict(zip(runs, 2 * drawn[..., 0].mean(axis=0), strict=True))
    by_seed = [means[f"x1000-joint-s{seed}"] - means[f"x1000-ip2p-s{seed}"] for seed in (2, 10)]
    assert row["difference"] == pytest.approx(sum(by_seed) / 2)
    assert row["lo"] <= row["difference"] <= row["hi"]
    assert row["per_seed"] == " ".join(f"{each:+.2f}" for each in by_seed)
