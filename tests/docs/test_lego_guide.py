"""docs/lego.md: bash expands its scripts, and the program's parser reads each command."""

import re
from pathlib import Path

import pytest
import typer

from egoactgen_bench.api import plugins
from egoactgen_bench.api.options import parse_pairs
from egoactgen_bench.cli.app import build
from egoactgen_bench.weights.weights_registry import find, registry
from egoactgen_lego.ablation.ablation_rows import ROWS, TABLES, TRAININGS
from egoactgen_lego.ablation.option_choices import Choices
from guide_blocks import calls, read

GUIDE = (Path(__file__).parents[2] / "docs" / "lego.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=["ego4d", "epic-kitchens"])
def commands(request):
    """Each `bench` call, with or without a launcher: its path and its values as parsed."""
    found = []
    program = typer.main.get_command(build())
    for name, *words in calls(GUIDE.replace("D=ego4d ", f"D={request.param} ")):
        if name == "torchrun":
            assert words[:3] == ["--nproc-per-node", "8", "--no-python"]
        if name == "accelerate":
            assert Path(words[2]).is_file()
        if name != "cat":
            found.append(
                read(program, words if name == "bench" else words[words.index("bench") + 1 :])
            )
    return found


def test_the_program_accepts_every_command(commands):
    named = {name for name, _ in commands}
    assert {"lego curate", "lego tune", "lego enrich", "lego ablate", "score"} <= named
    assert len(commands) > 20


def test_a_wrong_option_is_detected():
    program = typer.main.get_command(build())
    with pytest.raises(Exception, match="--tabels"):
        read(program, ["lego", "ablate", "--tabels", "tuning"])


def words(given):
    """The names of an option that is repeated, or a list separated by commas."""
    return [word for each in given or () for word in each.split(",")]


def test_weights_metrics_data_sets_and_runs_are_known(commands):
    runs = {f"ablation-{row}-s0" for row in ROWS}
    declared = registry()
    for name, given in commands:
        if name == "models fetch":
            assert all(find(weight, declared) for weight in given["names"])
        if name == "prepare-splits":
            assert given["dataset"] in plugins.registered("datasets")
        if name in ("score", "export-amt"):
            assert set(given.get("run") or given.get("runs") or []) <= runs
        if given.get("metrics"):
            assert set(words(given["metrics"])) <= plugins.registered("metrics").keys()


def test_the_tables_options_and_rows_are_known(commands):
    made = {}
    for name, given in commands:
        if name == "lego ablate":
            (name_of_table,) = given["tables"]
            table = TABLES[name_of_table]
            rows = set(table.rows.values())
            assert set(words(given["rows"])) <= rows
            trainings = {ROWS[row].training for row in rows} - {None}
            trainers = {TRAININGS[training].trainer for training in trainings}
            methods = {ROWS[row].method for row in rows} - {None}
            Choices(parse_pairs(given["options"])).check({"train": trainers, "run": methods})
            made[name_of_table] = given
    assert made.keys() == {"methods", "conditioning", "tuning"}
    assert made["tuning"]["untuned"] == "off-the-shelf"
    described = {given["name"] for name, given in commands if name == "lego enrich"}
    assert described == {"tuned", "off-the-shelf"}


def test_the_guide_lists_the_rows_of_each_table():
    listed = re.findall(r"^\| `(\w+)`(?: \(default\))? \| (`.*?`) \|", GUIDE, re.MULTILINE)
    found = {name: re.findall(r"`([\w-]+)`", rows) for name, rows in listed if name in TABLES}
    assert found == {name: list(table.rows.values()) for name, table in TABLES.items()}
