"""Every block of the documentation runs in a test, or says what it needs; every command parses."""

import itertools
import re
import shlex

import pytest
import typer

from doc_pages import ROOT, RUN_BY, blocks, pages
from egoactgen_bench.cli.app import build
from guide_blocks import read

BLOCKS = [block for page in pages() for block in blocks(page)]
PROGRAMS = ("bench", "python", "pip", "torchrun", "accelerate", "hf")
SCRIPTS = {"docs/cluster.md", "docs/lego.md"}
OUTSIDE = {"kitchen"}  # a command group that docs/plugins.md adds


def test_every_block_runs_or_says_what_it_needs():
    run = [block for block in BLOCKS if block.language in ("bash", "python") and not block.needs]
    assert {block.page for block in run} == set(RUN_BY)
    assert all((ROOT / test).is_file() for test in RUN_BY.values())


def test_the_readme_has_two_commands_to_try():
    """.ci/run calls them; each sets up its own environment."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start, end = (
        text[: text.index(heading)].count("\n") for heading in ("## Try it", "## Results")
    )
    tried = [each for each in blocks(ROOT / "README.md") if start < each.line < end]
    commands = [line for each in tried for line in each.commands]
    assert [line.rpartition(" && ")[2] for line in commands] == [
        ".venv/bin/bench demo",
        ".venv/bin/pytest -n auto",
    ]
    assert all(line.startswith("python3 -m venv .venv && .venv/bin/pip ") for line in commands)
    assert text.count("\n") <= 120


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_commands_are_in_fenced_blocks(page):
    """Indented blocks have no title; they are for output, layouts and formulas."""
    start = re.compile(rf"^ {{4,}}\$? ?(?:{'|'.join(PROGRAMS)}) [^─\n]*$", re.MULTILINE)
    fenced = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    text = fenced.sub("", page.read_text(encoding="utf-8"))
    examples = {"$ bench models fetch --for lpips,proxedit --dry-run"}  # with its output
    assert {line.strip() for line in start.findall(text)} <= examples


def commands():
    """(place, words) of each complete `bench` command; scripts are expanded by their own tests."""
    lines = [
        (block.place, line)
        for block in BLOCKS
        if block.language == "bash" and block.page not in SCRIPTS
        for line in block.commands
        if "bench" in line.split() and "…" not in line and "$" not in line
    ]
    found = []
    for place, line in lines:
        words = shlex.split(line, comments=True)
        for joined, calls in itertools.groupby(words, key="&&".__eq__):
            program, *arguments = calls
            if program == "bench" and not joined:
                found.append((place, arguments))
    return found


@pytest.mark.parametrize(("place", "words"), commands(), ids=lambda value: str(value)[:60])
def test_the_program_accepts_the_command(place, words):
    if words and words[0] not in OUTSIDE:
        read(typer.main.get_command(build()), words)
