"""docs/python.md: its blocks print what the page shows, and its tables name what there is."""

import doctest
import re
import sys
import types
from pathlib import Path

import pytest

import egoactgen_bench as bench

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
TEXT = PAGE.read_text(encoding="utf-8")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_the_blocks_print_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_WORKSPACE", raising=False)
    notebook = types.ModuleType("__main__")  # classes of a notebook are in this module
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    blocks = doctest.DocTestParser().get_doctest(TEXT, {}, PAGE.name, str(PAGE), 0)
    assert len(blocks.examples) > 30
    blocks.globs = notebook.__dict__
    report: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(blocks, out=report.append, clear_globs=False)
    assert not report, "".join(report)


def test_every_function_is_in_the_table():
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|.*\| (.*) \|$", TEXT, re.MULTILINE)
    named = {name for functions, _ in rows for name in re.findall(r"\w+", functions)}
    functions = {
        name for name in bench.__all__ if isinstance(getattr(bench, name), types.FunctionType)
    }
    assert functions - {"slice_scores"} <= named
    assert "slice_scores" in TEXT


@pytest.mark.parametrize("name", ["Split", "Run", "Scores", "Training", "Study", "MetricAgreement"])
def test_the_attributes_of_each_object(name):
    (cells,) = re.findall(rf"^\| `{name}` \| (.*) \|$", TEXT, re.MULTILINE)
    known = {*dir(getattr(bench, name)), *getattr(bench, name).__dataclass_fields__}
    named = set(re.findall(r"`(\w+)", cells))
    assert named and named <= known
