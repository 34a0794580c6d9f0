"""Which frame of a video is the image."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoactgen_baselines.frame_choice import parse_frame
from egoactgen_bench.errors import SampleError

COUNTS = st.integers(1, 1000)
RATES = st.sampled_from([7.0, 8.0, 15.0, 16.0, 23.976, 24.0, 29.97, 30.0])


def index(text, count, rate=24.0, offset=None):
    return parse_frame(text).index(count, rate, offset)


def code(text, count, rate=24.0, offset=None):
    with pytest.raises(SampleError) as raised:
        index(text, count, rate, offset)
    return raised.value.code


@given(COUNTS)
def test_last_and_middle(count):
    assert index("last", count) == count - 1
    before, after = index("middle", count), count - 1 - index("middle", count)
    assert before - after == (1 if count % 2 == 0 else 0)


@given(COUNTS, st.integers(0, 2000))
def test_an_index_is_that_frame_or_an_error(count, number):
    if number < count:
        assert index(str(number), count) == number
    else:
        assert code(str(number), count) == "frame_outside_video"


@given(COUNTS, RATES, st.data())
def test_seconds_give_the_frame_on_screen(count, rate, data):
    number = data.draw(st.integers(0, count - 1))
    begin, end = number / rate, (number + 1) / rate
    for offset in (begin, begin - 0.0009, (begin + end) / 2, end - 0.0011):
        assert index("target-time", count, rate, offset) == number
    if number:
        assert index("target-time", count, rate, begin - 0.0011) == number - 1


def test_the_end_of_the_last_frame_is_outside():
    assert index("0.9999s", 24) == 23
    assert index("0s", 1) == 0
    assert code("1s", 24) == "frame_outside_video"
    assert index("1s", 25) == 24
    assert code("target-time", 24, offset=-0.0011) == "frame_outside_video"
    assert index("target-time", 24, offset=-0.0005) == 0


@pytest.mark.parametrize("text", ["last", "middle", "0", "0s", "target-time"])
def test_a_video_without_frames(text):
    assert code(text, 0, offset=0.0) == "frame_outside_video"


@pytest.mark.parametrize("offset", [None, math.nan, math.inf])
def test_a_sample_without_a_target_time(offset):
    assert code("target-time", 10, offset=offset) == "no_target_time"
    assert index("last", 10, offset=offset) == 9


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (" last ", "last", 0),
        ("0", "index", 0),
        ("12", "index", 12),
        ("1.5s", "seconds", 1.5),
        ("1.5", "seconds", 1.5),
        (".5s", "seconds", 0.5),
        ("2s", "seconds", 2),
        ("target-time", "target-time", 0),
    ],
)
def test_forms(text, kind, value):
    choice = parse_frame(text)
    assert (choice.kind, choice.value) == (kind, value)


@pytest.mark.parametrize("text", ["", "-1", "first", "1e3", "nan", "inf", "1.s", "1 s", "١", "5f"])
def test_other_forms_are_refused(text):
    with pytest.raises(ValueError, match=r"give last, middle, a frame's index \(12\)"):
        parse_frame(text)
