"""Damaged weights: results of the same shapes, or one sentence that names a file of them."""

import pytest

from benchmarks.robustness.fuzz_cases import table
from benchmarks.robustness.fuzz_weights import GROUP, OUTCOMES, fuzz, write_templates


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    return folder, write_templates(folder)


# `python -m benchmarks.robustness.fuzz_weights --cases 10000` is run by hand.
def test_damaged_weights_are_loaded_or_refused_in_one_sentence(templates):
    cases = list(fuzz(*templates, range(24)))
    assert [case for case in cases if case.fault] == []
    counts = table(cases, GROUP, OUTCOMES)
    assert counts["cases"].sum() == 24
    assert (counts[["loaded", "refused"]].sum() > 2).all()
