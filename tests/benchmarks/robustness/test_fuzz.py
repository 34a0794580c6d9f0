"""Damaged manifests, tables, images and archives: one sentence, and nothing outside is touched."""

import os
from pathlib import Path

import pytest

from benchmarks.robustness.fuzz import GROUP, OUTCOMES, fuzz
from benchmarks.robustness.fuzz_cases import table
from benchmarks.robustness.fuzz_workspace import write_workspace


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder, home = tmp_path_factory.mktemp("template"), Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENCH_WORKSPACE", raising=False)
        try:
            write_workspace(folder)
        finally:
            os.chdir(home)
    return folder


# `python -m benchmarks.robustness.fuzz --cases 10000` is run by hand.
@pytest.mark.parametrize("part", range(3))
def test_a_damaged_file_is_read_or_refused_in_one_sentence(template, monkeypatch, part):
    monkeypatch.delenv("BENCH_WORKSPACE", raising=False)
    cases = list(fuzz(template, range(40 * part, 40 * (part + 1))))
    assert [case for case in cases if case.fault] == []
    counts = table(cases, GROUP, OUTCOMES)
    assert counts["cases"].sum() == 40
    assert (counts[["done", "refused"]].sum() > 5).all()
