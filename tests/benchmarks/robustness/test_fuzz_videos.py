"""Damaged videos: their own frames at their times, or errors that name the file."""

import av
import pytest

from benchmarks.robustness.fuzz_cases import table
from benchmarks.robustness.fuzz_videos import GROUP, OUTCOMES, fuzz, write_originals
from benchmarks.robustness.video_oracle import TIMES, judge, read_coding
from egoactgen_bench.video.video_reading import frames_at


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


# Frames 1 and 11 differ from those before in the same square: their packets store one difference.
def test_a_difference_to_another_keyframe_is_not_taken_for_a_neighbour(originals, tmp_path):
    (original,) = (each for each in originals if each.path.name == "vp9.webm")
    path = tmp_path / "exchanged.webm"
    with av.open(original.path) as old, av.open(path, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(video=0) if packet.size]
        data = [bytes(packet) for packet in packets]
        data[0], data[10] = data[10], data[0]
        for before, content in zip(packets, data, strict=True):
            packet = av.Packet(content)
            packet.pts, packet.dts, packet.time_base = before.pts, before.dts, before.time_base
            packet.is_keyframe, packet.stream = before.is_keyframe, stream
            new.mux(packet)
    (_, first), (_, second) = frames_at(path, TIMES[:2])
    coding = read_coding(path)
    assert judge(original, coding, 0, first) == ("moved", "")
    assert judge(original, coding, 1, second) == ("altered", "")
    assert judge(original, coding, 1, first) == ("moved", "frame 1 shows frame 10")
    assert judge(original, coding, 2, second) == ("moved", "frame 2 shows frame 11")
