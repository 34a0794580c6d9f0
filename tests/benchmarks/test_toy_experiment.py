"""The experiment on the toy kitchen: its commands, their order, and how they are run."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import typer

from benchmarks.toy_kitchen import gaps
from benchmarks.toy_kitchen.plan import CUES, PARTS, Plan, Step, World
from benchmarks.toy_kitchen.shown_weights import (
    HEADING,
    PAGE,
    README,
    REGION_HEADING,
    REGIONS,
    ROOT,
    fill,
    region_rows,
    rows,
)
from benchmarks.toy_kitchen.steps import GROUPS, steps
from benchmarks.toy_kitchen.working import run_steps
from egoactgen_bench.api.options import parse_pairs
from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.cli.app import build
from egoactgen_lego.ablation.ablation_rows import ROWS, TRAININGS
from egoactgen_lego.ablation.option_choices import Choices
from egoactgen_lego.toy import __main__ as build_llava
from guide_blocks import read

PLAN = Plan(Path("w"), seeds=(0, 4), parts=PARTS)


def test_every_bench_command_is_accepted_by_the_program():
    program = typer.main.get_command(build())
    named = set()
    for step in steps(PLAN):
        if step.words[0] == "bench":
            name, values = read(program, step.words[1:])
            named.add(name)
            if name == "lego ablate":
                rows = ",".join(values["rows"] or ROWS).split(",")
                trainers = {TRAININGS[ROWS[r].training].trainer for r in rows if ROWS[r].training}
                used = {"train": trainers | {"sdedit"}, "run": {"lego", "sdedit"}}
                Choices(parse_pairs(values["options"])).check(used)
    assert named == {
        *("prepare-splits", "train", "demo", "run", "score"),
        *(f"lego {name}" for name in ("curate", "tune", "enrich", "embed", "ablate")),
    }


def test_the_untuned_vllm_is_built_from_the_training_split(monkeypatch):
    (step,) = (step for step in steps(PLAN) if step.name == "vllm-untuned")
    assert step.words[:3] == ("python", "-m", "egoactgen_lego.toy")
    calls = []
    monkeypatch.setattr(build_llava.make_llava, "make", lambda *call: calls.append(call))
    monkeypatch.setattr(sys, "argv", list(step.words[2:]))
    build_llava.main()
    world = World(PLAN)
    (((split,), instructions, out, *_),) = calls
    assert split == world.split(world.train)
    assert instructions == split / "instructions" / "curated" / "instructions.json"
    assert out == step.output.parent


@pytest.mark.parametrize("parts", [PARTS, ("cues",), ("steps", "tables"), ("weights", "shown")])
def test_prerequisites_come_first(parts):
    before = set()
    for step in steps(Plan(Path("w"), parts=parts)):
        assert before.issuperset(step.needs), step
        before.add(step.name)


def test_all_shipped_denoisers_have_the_same_text_encoder():
    found = {step.name: step.words for step in steps(Plan(Path("w"), parts=("weights",)))}
    starts = {"editor": "sd", "ip2p": "editor", "lego": "editor"}
    for name, start in starts.items():
        assert {f"init=shipped-{start}", "train_text=false"} <= set(found[f"shipped-{name}"])


def test_tables_of_shipped_weights_are_made_from_scores():
    values = {"lego": 93.75, "ip2p": 96.875, "sdedit": 21.9, "proxedit": 6.2, "copy-input": 99.0}
    table = pd.DataFrame({"run": list(values)})
    for metric in README | PAGE:
        table[metric] = list(values.values())
        table[f"{metric}_lo"], table[f"{metric}_hi"] = table[metric] - 1, table[metric] + 1
    table["fid_lo"] = table["fid_hi"] = np.nan
    found = rows(table, README)
    assert found[0].startswith("| Judge: action ↑ | 93.8 [92.8, 94.8] | **96.9** [95.9, 97.9] |")
    assert found[0].endswith("| 99.0 [98.0, 100.0] |")  # a reference is not the best method
    lpips = found[list(README).index("lpips")]
    assert "**6.2**" in lpips and lpips.count("**") == 2
    assert rows(table, PAGE)[-1] == "| FID ↓ | 93.8 | 96.9 | 21.9 | **6.2** | 99.0 |"
    for metric in REGIONS:
        table[metric] = table["judge"]
    found = region_rows(table)
    assert found[0] == f"| lego |{' 93.8 |' * len(REGIONS)}" and found[-1].startswith(
        "| copy-input "
    )


@pytest.mark.parametrize(
    "name, heading, count",
    [
        ("README.md", HEADING, len(README)),
        ("docs/toy-kitchen.md", HEADING, len(PAGE)),
        ("docs/metrics.md", REGION_HEADING, 5),
    ],
)
def test_only_the_rows_of_a_pages_table_are_written(name, heading, count, tmp_path):
    page = tmp_path / "page.md"
    text = (ROOT / name).read_text("utf-8")
    page.write_text(text, "utf-8")
    lines = [f"| row {index} |" for index in range(count)]
    fill(page, heading, lines)
    before, after = text.split(heading)
    rest = after.split("\n", count)[-1]
    assert page.read_text("utf-8") == f"{before}{heading}{chr(10).join(lines)}\n{rest}"
    page.write_text(before, "utf-8")
    with pytest.raises(SystemExit, match="table once"):
        fill(page, heading, lines)


def test_all_rows_are_trained_and_no_two_steps_have_the_same_output():
    assert {row for group in GROUPS for row in group.split(",")} == {
        name for name, row in ROWS.items() if row.method
    }
    outputs = [step.output for step in steps(PLAN)]
    assert len(set(outputs)) == len(outputs)


def test_worlds_have_different_names():
    worlds = [World(PLAN, cue) for cue in CUES]
    names = [(world.train, world.test, world.vllm) for world in worlds]
    assert len({name for each in names for name in each}) == 9


def writing_step(folder, name, *needs, code="pass"):
    """A step that appends its name to the file `order`, runs `code`, and writes its output."""
    source = f"open({str(folder / 'order')!r}, 'a').write('{name} '); {code}"
    source += f"; open({str(folder / name)!r}, 'w')"
    return Step(name, ("python", "-c", source), folder / name, needs)


def test_steps_run_once_and_in_order(tmp_path, capsys):
    todo = [
        writing_step(tmp_path, "a"),
        writing_step(tmp_path, "b", "a"),
        writing_step(tmp_path, "c", "b"),
    ]
    assert run_steps(todo, tmp_path / "logs", 2) == []
    capsys.readouterr()
    assert run_steps(todo, tmp_path / "logs", 2) == []
    assert capsys.readouterr().out == f"{len(todo)} of {len(todo)} steps are finished\n"
    assert (tmp_path / "order").read_text() == "a b c "
    assert len((tmp_path / "logs/times.csv").read_text().splitlines()) == 3


def test_steps_that_need_a_failed_one_are_skipped_and_the_others_run(tmp_path, capsys):
    todo = [
        writing_step(tmp_path, "a", code="raise SystemExit('torn')"),
        writing_step(tmp_path, "b", "a"),
        writing_step(tmp_path, "c"),
    ]
    assert run_steps(todo, tmp_path / "logs", 1) == ["a", "b"]
    assert (tmp_path / "order").read_text() == "a c "
    assert "FAILED: a" in capsys.readouterr().out
    assert "torn" in (tmp_path / "logs/a.log").read_text()


def test_an_interruption_ends_the_running_steps(tmp_path):
    interrupt = "import os, signal; os.kill(os.getppid(), signal.SIGINT)"
    slow = writing_step(tmp_path, "a", code="import time; time.sleep(60)")
    stop = writing_step(tmp_path, "b", code=interrupt)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_steps([slow, stop], tmp_path / "logs", 2)
    assert time.monotonic() - start < 30
    assert not (tmp_path / "a").exists()


def test_gaps_are_pooled_over_seeds_and_listed_by_seed(monkeypatch):
    drawn = np.random.default_rng(0).normal(size=(24, 4, 1))
    runs = ["x1000-joint-s10", "x1000-ip2p-s2", "x1000-joint-s2", "x1000-ip2p-s10"]
    about = MetricRecord(
        **{"label": "PSNR", "unit": "dB", "factor": 2.0, "decimals": 2, "higher_is_better": True},
        **{"primary": True, "per_sample": True, "signature": "psnr"},
    )
    scores = SimpleNamespace(runs=runs, metrics={"psnr": about}, per_sample=lambda *_: drawn)
    monkeypatch.setattr(gaps, "load_scores", lambda _: scores)
    samples = pd.DataFrame({"sample_id": range(24), "video_id": list("tuvw") * 6})
    row = gaps.gaps(Path("w"), SimpleNamespace(samples=samples)).iloc[0]
    means = dict(zip(runs, 2 * drawn[..., 0].mean(axis=0), strict=True))
    by_seed = [means[f"x1000-joint-s{seed}"] - means[f"x1000-ip2p-s{seed}"] for seed in (2, 10)]
    assert row["difference"] == pytest.approx(sum(by_seed) / 2)
    assert row["lo"] <= row["difference"] <= row["hi"]
    assert row["per_seed"] == " ".join(f"{each:+.2f}" for each in by_seed)
