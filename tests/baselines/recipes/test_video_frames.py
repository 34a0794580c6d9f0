"""Which frame of a generated video is the image, and what is checked before it is generated."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from egoactgen_baselines.pipelines import pipeline_arguments
from egoactgen_bench.errors import BenchError, SampleError
from recipe_requests import FRAME, sample

NAME = "Wan 2.1"  # 81 frames, 16 per second


class Numbered:
    """Stands for a pipeline: the pixels of frame k are k of 255."""

    def __init__(self, method, field="frames", batch=True):
        self.calls, self.field, self.batch = 0, field, batch
        self.count = method.frames.count

    def __call__(self, **arguments):
        self.calls += 1
        video = np.ones((self.count, 4, 4, 3)) * np.arange(self.count).reshape(-1, 1, 1, 1) / 255
        return SimpleNamespace(**{self.field: video[None] if self.batch else video})


def chosen(built, *requests, **kind):
    built.pipeline = Numbered(built, **kind)
    return [
        output.code if isinstance(output, SampleError) else output.getpixel((0, 0))[0]
        for output in built.generate(list(requests or [sample()]))
    ]


@pytest.mark.parametrize(
    ("frame", "number"),
    [(None, 80), ("last", 80), ("middle", 40), ("0", 0), ("80", 80), ("2s", 32), ("2.06s", 32)],
)
def test_the_chosen_frame(method, frame, number):
    built = method(NAME, frame=frame)
    assert chosen(built) == [number]
    assert not built.uses_target_time()


def test_the_image_has_the_size_of_the_frame(method):
    built = method(NAME)
    built.pipeline = Numbered(built)
    (image,) = built.generate([sample()])
    assert image.size == FRAME


def test_target_time_is_the_sample_s_own_and_out_of_reach_nothing_is_generated(method):
    built = method(NAME, frame="target-time")
    assert built.uses_target_time()
    times = [0.5, 1.0, 5.1, -1.0, None]
    requests = [sample(number, target_offset=time) for number, time in enumerate(times)]
    assert chosen(built, *requests) == [8, 16, *["frame_outside_video"] * 2, "no_target_time"]
    assert built.pipeline.calls == 2


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"frame": "81"}, r"-o frame=81: frame 81 of a video of 81 frames; increase -o num_frames"),
        ({"frame": "5.1s"}, r"-o frame=5\.1s: 5\.100 s in a video of 5\.062 s"),
        ({"frame": "5", "num_frames": 5}, "frame 5 of a video of 5 frames"),
        ({"num_frames": 6}, "generates multiples of 4 frames plus 1; num_frames=6 is not"),
        ({"arguments": {"num_frames": "all"}}, "num_frames=all is not"),
    ],
)
def test_impossible_frames_are_refused_before_loading(method, options, why):
    with pytest.raises(BenchError, match=why):
        method(NAME, **options)


def test_the_rate_places_seconds(method):
    assert chosen(method(NAME, frame="2s", rate=8)) == [16]


def test_more_frames_reach_later_times(method):
    assert chosen(method(NAME, frame="5.1s", num_frames=85)) == [81]


def test_a_single_video_without_a_batch(method):
    built = method("Cosmos 3 unchecked")
    assert chosen(built, field="video", batch=False) == [188]


def test_a_shorter_video_than_expected_is_an_error_of_the_sample(method):
    built = method(NAME, frame="80")
    built.pipeline = Numbered(built)
    built.pipeline.count = 77
    (output,) = built.generate([sample()])
    assert (output.code, output.detail) == (
        "frame_outside_video",
        "frame 80 of a video of 77 frames",
    )


def test_frames_that_are_not_finite(method):
    built = method(NAME)
    video = np.full((1, 81, 4, 4, 3), np.nan)
    built.pipeline = lambda **arguments: SimpleNamespace(frames=video)
    (output,) = built.generate([sample()])
    assert output.code == "not_finite"


@pytest.mark.parametrize(
    ("name", "device"),
    [
        (NAME, "cpu"),
        ("LTX2Pipeline", "cpu"),
        # These call torch.rand with the model's device.
        ("HeliosPipeline", "cuda:1"),
        ("HeliosPyramidPipeline", "cuda:1"),
        ("Helios distilled", "cuda:1"),
        ("LTXPipeline", "cuda:1"),
    ],
)
@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")
def test_the_device_of_the_generators(method, monkeypatch, name, device):
    monkeypatch.setattr(pipeline_arguments, "torch_generator", lambda seed, place: (seed, place))
    arguments = method(name).arguments.of([sample(3)], ["open drawer"], "cuda:1")
    assert arguments["generator"] == (3, device)


def test_image_editors_have_no_frames(method):
    with pytest.raises(BenchError, match="generates images, not videos: omit -o frame"):
        method("FluxKontextPipeline", frame="last")


def test_bench_run_records_the_call(bench, drawn_split, saved):
    small = {"width": 64, "height": 32, "num_frames": 5, "steps": 1, "frame": "target-time"}
    options = [word for pair in small.items() for word in ("-o", "=".join(map(str, pair)))]
    call = ("run", "--method", f"diffusers:{saved(NAME)}", "--run", "wan", "--limit", 1, *options)
    result = bench(*call, "-o", "rate=2")
    assert (result.status, result.err) == (0, "")
    folder = drawn_split.parents[1] / "runs/drawn-val/wan"
    manifest = json.loads((folder / "run.json").read_text())
    assert manifest["target_time"]
    assert manifest["call"]["recipe"] == "wan-2.1-i2v"
    assert manifest["call"]["arguments"]["num_frames"] == 5
    assert manifest["call"]["frame"] == "as stored"
    assert len(list((folder / "images").iterdir())) == 1
