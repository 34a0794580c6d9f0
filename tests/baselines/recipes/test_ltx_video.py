"""LTX-Video and LTX-2: what reaches the networks."""

import pytest

from egoactgen_bench.errors import BenchError
from video_recipes import STEPS, check_call, default_call, small_run

SIZE = (128, 64)  # in multiples of 32
FRAMES = 9


@pytest.mark.parametrize(
    ("name", "recipe", "size", "expected"),
    [
        ("LTXPipeline", "ltx-i2v", (800, 448), {"num_frames": 161, "frame_rate": 25}),
        (
            "LTXConditionPipeline",
            "ltx-condition",
            (800, 448),
            {"guidance_scale": 5.0, "image_cond_noise_scale": 0.0},
        ),
        ("LTX2Pipeline", "ltx-2-i2v", (832, 480), {"num_frames": 121, "frame_rate": 24}),
    ],
)
def test_default_call(method, name, recipe, size, expected):
    check_call(method, name, recipe, size, **expected)
    _, arguments = default_call(method, name)
    assert arguments["negative_prompt"].startswith("worst quality")


def test_published_text_to_video_pipelines_are_loaded_for_images(method):
    kinds = [method(name).kind.__name__ for name in ("LTXPipeline", "LTX2Pipeline")]
    assert kinds == ["LTXImageToVideoPipeline", "LTX2ImageToVideoPipeline"]


@pytest.mark.parametrize("name", ["LTXPipeline", "LTXConditionPipeline"])
def test_ltx(calls, name):
    recorded = small_run(calls, name, size=SIZE, frames=FRAMES)
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS
    assert steps[0]["hidden_states"].shape[0] == 2  # with and without the prompt


def test_ltx_2(calls):
    recorded = small_run(
        calls,
        "LTX2Pipeline",
        size=SIZE,
        frames=FRAMES,
        arguments={"spatio_temporal_guidance_blocks": [1], "max_sequence_length": 64},
    )
    steps = recorded.of("transformer")
    # With and without the prompt together, with skipped attention, and with isolated sound.
    assert [step["hidden_states"].shape[0] for step in steps] == [2, 1, 1] * STEPS * 3


def test_the_rate_conditions_the_model_and_places_seconds(method):
    built = method("LTXPipeline", rate=10, frame="2s", num_frames=25)
    assert built.arguments.constant["frame_rate"] == 10
    assert built.frames.choice.index(built.frames.count, built.frames.rate) == 20
    with pytest.raises(BenchError, match=r"-o frame=2s: 2\.000 s in a video of 1\.000 s"):
        method("LTXPipeline", frame="2s", num_frames=25)


def test_numbers_of_frames_are_checked_before_loading(method):
    message = "generates multiples of 8 frames plus 1; num_frames=24 is not"
    with pytest.raises(BenchError, match=message):
        method("LTXPipeline", num_frames=24)
    with pytest.raises(BenchError, match=message):
        method("LTXPipeline", arguments={"num_frames": 24})
    with pytest.raises(BenchError, match="multiples of 32; 112 is not"):
        method("LTXPipeline", width=112, height=64)
