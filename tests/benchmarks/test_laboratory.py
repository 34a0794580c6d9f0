"""The laboratory's experiment: its commands, its derived splits, and its tables."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

import egoactgen_bench as bench
from benchmarks.laboratory import control_inputs, design, materials, report
from benchmarks.laboratory.design import ARMS, PAIRS, Cell
from benchmarks.laboratory.materials import VLLMS, WEIGHTS, Laboratory
from benchmarks.laboratory.outcomes import complete_seeds
from benchmarks.laboratory.vllm_accuracy import named
from benchmarks.toy_kitchen import derived_splits
from egoactgen_bench.api.toy_weights import are_toy
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.cli.app import build
from egoactgen_bench.support.files import write_csv, write_json
from egoactgen_bench.support.images import read_rgb
from egoactgen_bench.toy.judge_network import load_judge
from egoactgen_bench.toy.world.actions import ACTIONS
from egoactgen_lego.curation.sentence_templates import every_sentence
from egoactgen_lego.toy import make_llava
from egoactgen_lego.vllm.vllm_model import tokenizer_of
from guide_blocks import read


@pytest.fixture(scope="module")
def relation(tmp_path_factory):
    """A small split of the laboratory's world, with descriptions."""
    folder = tmp_path_factory.mktemp("laboratory")
    options = {"cue": "relation", "size": 64}
    split = bench.prepare(
        "toy-kitchen", subset="train", limit=16, size=64, options=options, workspace=folder
    )
    texts = [f"Sentence {number}." for number in range(16)]
    table = pd.DataFrame({"sample_id": split.samples["sample_id"], "description": texts})
    write_csv(split.folder / "descriptions" / "said.csv", table)
    return load_split(split.folder)


def derived(split, how, *more):
    folder = split.folder.with_name(f"{split.name}-{how}")
    derived_splits.main([how, str(split.folder), str(folder), "--descriptions", "said", *more])
    assert not bench.verify(folder)
    return load_split(folder)


def test_swapped_splits_show_another_action_in_the_same_scene(relation):
    swapped = derived(relation, "swapped", "--samples", "12")
    before = relation.samples.set_index("sample_id")
    judge, right = load_judge(), 0
    assert 0 < len(swapped.samples) <= 12
    labels = {}
    for name, facts in relation.truth().items():
        labels.setdefault(facts["action"], set()).add(before.loc[name, "action"])
    for row in swapped.samples.to_dict("records"):
        name, frames = row["sample_id"].removesuffix("-swapped"), {}
        action = swapped.truth()[row["sample_id"]]["action"]
        assert action != relation.truth()[name]["action"] and row["action"] in labels[action]
        for role in ("input", "target"):
            frames[role] = read_rgb(swapped.frame_path(row[f"{role}_frame"]))
            same = row[f"{role}_sha256"] == before.loc[name, f"{role}_sha256"]
            assert same == (role == "input")
        (seen,) = judge.read([frames["input"]], [frames["target"]])
        right += seen.action == action
    assert right >= 0.8 * len(swapped.samples)
    assert not {*swapped.samples["sample_id"]} & {*before.index}  # both can be trained on
    assert not list(swapped.folder.glob("descriptions/*"))  # they describe the other target


def test_derived_splits_are_whole_splits(relation):
    first = derived(relation, "first", "--samples", "5")
    assert list(first.samples["sample_id"]) == list(relation.samples["sample_id"][:5])
    assert set(first.truth()) == set(first.samples["sample_id"])
    assert len(pd.read_csv(first.folder / "descriptions" / "said.csv")) == 5
    left_open = derived(relation, "open")
    assert 0 < len(left_open.samples) < 16
    captioned = derived(relation, "captioned").samples["action"]
    assert captioned[1] == "Sentence 1." and captioned[2] == relation.samples["action"][2]
    grey = derived(relation, "grey")
    row = grey.samples.iloc[3]
    assert read_rgb(grey.frame_path(row["input_frame"])).getcolors() == [(64 * 64, (128, 128, 128))]
    target = relation.samples.iloc[3]["target_sha256"]
    assert row["target_sha256"] == target != relation.samples.iloc[3]["input_sha256"]


def test_the_llava_knows_the_words_of_clips_that_it_was_not_built_from(relation, tmp_path):
    question, answer = {"from": "human", "value": "?"}, {"from": "gpt", "value": "Nothing."}
    data = tmp_path / "instructions.json"
    write_json(data, [{"conversations": [question, answer]}])
    make_llava.make([relation.folder], data, tmp_path / "vllm", steps=1)
    assert are_toy(tmp_path / "vllm")
    tokenizer = tokenizer_of(tmp_path / "vllm")
    for sentence in every_sentence(action.noun for action in ACTIONS.values()):
        assert tokenizer.unk_token_id not in tokenizer(sentence).input_ids, sentence


def test_every_bench_command_is_accepted_by_the_program():
    program = typer.main.get_command(build())
    for shipped in (False, True):
        steps = list(materials.steps(Laboratory(Path("w")), shipped))
        known = set()
        for step in steps:
            assert known.issuperset(step.needs), step.name  # each after those that it needs
            known.add(step.name)
            if step.words[0] == "bench":
                read(program, step.words[1:])


def test_cells_run_seed_by_seed_with_all_arms():
    order = list(design.cells())
    assert len(order) == len(set(order)) == len(ARMS) * len(PAIRS) * len(design.SEEDS)
    first = order[: len(ARMS) * len(PAIRS)]
    assert {cell.seed for cell in first} == {0}
    assert {(cell.arm, cell.pairs) for cell in first} == {(a, p) for a in ARMS for p in PAIRS}


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("With the left hand the person lifts the mug at the far right.", ("left", 4)),
        ("The person's right hand reaches out and turns on the tap in the middle.", ("right", 2)),
        ("The person turns on the tap.", (None, None)),
    ],
)
def test_hand_and_place_are_read_from_sentences(sentence, words):
    assert named(sentence) == words


def test_another_sample_has_the_same_action(monkeypatch):
    facts = {f"s{number}": {"action": "ab"[number % 2]} for number in range(7)}
    split = type("Split", (), {"truth": lambda self: facts})()
    found = control_inputs.others(split)
    assert sorted(found.values()) == sorted(facts)
    for name, other in found.items():
        assert name != other
        assert facts[name]["action"] == facts[other]["action"]


def outcomes(folder: Path, effect: float, seeds: int) -> None:
    """Cells in which the joint arm finds the target more often with the fewest pairs."""
    rng = np.random.default_rng(0)
    clips = 120
    pd.DataFrame({"clip": range(clips), "video": np.arange(clips) // 2}).to_csv(
        folder / "clips.csv", index=False
    )
    (folder / "cells").mkdir(exist_ok=True)
    for seed in range(seeds):
        for pairs in PAIRS:
            for arm in ARMS:
                share = 0.4 + (effect if arm == "joint" and pairs == PAIRS[0] else 0)
                table = pd.DataFrame({"clip": range(clips)})
                for name in design.OUTCOMES:
                    table[name] = (rng.random(clips) < share).astype(int)
                table["psnr"] = rng.normal(20, 1, clips)
                table.to_csv(folder / "cells" / f"{Cell(arm, pairs, seed).name}.csv", index=False)


def test_the_report_finds_an_effect_where_it_is(tmp_path, capsys):
    outcomes(tmp_path, effect=0.3, seeds=3)
    (tmp_path / "cells" / "joint-256-seed9.csv").touch()
    assert report.main(["--results", str(tmp_path)]) == 0
    leads = pd.read_csv(tmp_path / "leads.csv").set_index(["first", "second", "pairs"])
    found = leads.loc[("joint", "labels", PAIRS[0])]
    assert 5 < found["lo"] < 30 < found["hi"]
    without = [key for key in leads.index if "joint" not in key or key[2] != PAIRS[0]]
    assert (leads.loc[without, "lo"] < 0).all()
    tested = pd.read_csv(tmp_path / "tests.csv")
    assert tested["confirmed"].all() and (tested["p_value"] < 0.05).all()
    text = (tmp_path / "outcomes.md").read_text()
    assert "3 complete seeds" in text
    assert re.search(r"\[−\d", text) and not re.search(r"(?<![|-])-\d", text)
    assert (tmp_path / "target.png").is_file()


def test_later_seeds_do_not_change_the_tests(tmp_path, capsys):
    outcomes(tmp_path, effect=0.3, seeds=3)
    report.main(["--results", str(tmp_path)])
    tested = (tmp_path / "tests.csv").read_text()
    outcomes(tmp_path, effect=0.3, seeds=5)
    report.main(["--results", str(tmp_path)])
    assert "5 complete seeds" in (tmp_path / "outcomes.md").read_text()
    assert (tmp_path / "tests.csv").read_text() == tested
    outcomes(tmp_path, effect=0.3, seeds=6)
    report.main(["--results", str(tmp_path)])
    assert sorted({*pd.read_csv(tmp_path / "tests.csv")["seeds"]}) == [3, 6]


def test_unfinished_seeds_do_not_count(tmp_path, capsys):
    outcomes(tmp_path, effect=0.0, seeds=3)
    (tmp_path / "cells" / f"{Cell('blind', 1024, 1).name}.csv").unlink()
    assert complete_seeds(tmp_path / "cells") == [0, 2]
    assert report.main(["--results", str(tmp_path)]) == 0
    assert "nothing is claimed" in (tmp_path / "outcomes.md").read_text()
    assert not (tmp_path / "tests.csv").exists()
    shutil.rmtree(tmp_path / "cells")
    (tmp_path / "cells").mkdir()
    assert report.main(["--results", str(tmp_path)]) == 1


@pytest.mark.parametrize("name", ["base", *(f"vllm-{each}" for each in VLLMS)])
def test_kept_weights_are_recognised_as_toy_weights(name):
    assert are_toy(WEIGHTS / name)
