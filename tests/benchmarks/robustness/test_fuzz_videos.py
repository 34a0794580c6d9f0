"""Damaged videos: their own frames at their times, or errors that name the file."""

import pytest

from benchmarks.robustness.fuzz_cases import table
from benchmarks.robustness.fuzz_videos import GROUP, OUTCOMES, fuzz, write_originals


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    return write_originals(tmp_path_factory.mktemp("videos"))


# `python -m benchmarks.robustness.fuzz_videos --cases 10000` is run by hand.
def test_a_damaged_video_gives_its_own_frames_or_named_errors(originals):
    cases = list(fuzz(originals, range(40)))
    assert [case for case in cases if case.fault] == []
    counts = table(cases, GROUP, OUTCOMES)
    assert counts["cases"].sum() == 40
    assert (counts[["read", "errors"]].sum() > 2).all()
