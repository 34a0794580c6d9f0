"""docs/judge.md names every option, code and control row of a judge; its commands parse."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from egoactgen_bench.cli.app import build
from egoactgen_bench.judging.judge_options import JudgeOptions
from egoactgen_bench.measurement.candidates import REFERENCES
from guide_blocks import read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "judge.md").read_text(encoding="utf-8")
CODE = re.compile(r"(?:SampleError\(\s*|UNREADABLE = )\"(\w+)\"")


def first_cells(header):
    """The words in backticks in the first column of the table with this header."""
    rows = re.search(rf"^\| {header} \|.*\n\|[- :|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)[1]
    cells = (row.split("|")[1] for row in rows.splitlines())
    return [name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)]


def test_every_option_is_listed():
    flags = [f"--{name.replace('_', '-')}" for name in JudgeOptions.model_fields]
    assert sorted(first_cells("option")) == sorted(flags)


def test_every_code_and_control_is_listed():
    package = ROOT / "egoactgen_bench"
    paths = [*package.glob("judging/*.py"), *package.glob("metrics/vlm/*.py")]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    found = {code for source in sources for code in CODE.findall(source)}
    of_the_client = {"refused", "bad_request", "bad_reply", "no_reply"}
    assert found | of_the_client == set(first_cells("code"))
    assert set(first_cells("row")) == set(REFERENCES)


def commands():
    blocks = re.findall(r"^```bash[^\n]*\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("bench ")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_program_accepts_the_commands(words):
    name, _ = read(typer.main.get_command(build()), words)
    assert name in ("score", "demo")
