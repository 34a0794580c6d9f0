"""HunyuanVideo and the models that are based on it: what reaches the networks."""

import pytest

from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, check_repeated, repeated
from video_recipes import STEPS, check_call, default_call, small_run

# One token per letter: the template needs more of them.
LONG = {"max_sequence_length": 512}


@pytest.mark.parametrize(
    ("name", "recipe", "size", "expected"),
    [
        (
            "HunyuanVideo I2V",
            "hunyuan-video-i2v",
            (1280, 720),
            {"num_frames": 129, "guidance_scale": 6.0},
        ),
        (
            "HunyuanVideo I2V-33ch",
            "hunyuan-video-i2v-33ch",
            (1280, 720),
            {"guidance_scale": 1.0, "true_cfg_scale": 1.0},
        ),
        (
            "HunyuanSkyreelsImageToVideoPipeline",
            "hunyuan-skyreels-i2v",
            (960, 544),
            {"num_frames": 97, "true_cfg_scale": 6.0, "num_inference_steps": 30},
        ),
        (
            "HunyuanVideoFramepackPipeline",
            "framepack",
            (848, 480),
            {"num_frames": 99, "guidance_scale": 9.0, "num_inference_steps": 30},
        ),
    ],
)
def test_default_call(method, name, recipe, size, expected):
    check_call(method, name, recipe, size, **expected)


@pytest.mark.parametrize(
    ("name", "guidance"), [("HunyuanVideo I2V", 6000.0), ("HunyuanVideo I2V-33ch", None)]
)
def test_image_to_video(calls, name, guidance):
    recorded = small_run(calls, name, arguments=LONG)
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS
    given = steps[0]["guidance"]
    assert (None if given is None else given.item()) == guidance
    pictures = recorded.of("text_encoder")[0]["pixel_values"]
    assert pictures.shape == (1, 3, 48, 48)
    assert pictures.std() > 0.1


def test_skyreels_is_guided_by_a_negative_prompt(calls):
    recorded = small_run(calls, "HunyuanSkyreelsImageToVideoPipeline", arguments=LONG)
    assert len(recorded.of("transformer")) == 3 * STEPS * 2


def test_framepack(calls):
    recorded = small_run(
        calls,
        "HunyuanVideoFramepackPipeline",
        size=(64, 32),
        frames=33,
        arguments={"max_sequence_length": 64},
    )
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS
    assert steps[0]["guidance"].item() == 9000.0
    assert recorded.of("image_encoder")[0]["pixel_values"].std() > 0.1


@pytest.mark.parametrize(("asked", "made"), [(33, 37), (66, 73), (99, 109)])
def test_sections_of_framepack(method, asked, made):
    assert method("HunyuanVideoFramepackPipeline", num_frames=asked).frames.count == made


@pytest.mark.parametrize("frame", ["36", "37"])
def test_a_section_of_framepack_has_37_frames(calls, frame):
    given = {"num_frames": 33, "frame": frame}
    if frame == "37":
        with pytest.raises(BenchError, match="frame 37 of a video of 37 frames"):
            calls("HunyuanVideoFramepackPipeline", **given)
        return
    (image,), _ = calls(
        "HunyuanVideoFramepackPipeline",
        width=64,
        height=32,
        steps=1,
        arguments={"max_sequence_length": 64},
        **given,
    )
    assert image.size == FRAME


def test_hunyuan_video_1_5(calls, method):
    name = "HunyuanVideo15ImageToVideoPipeline"
    recipe, arguments = default_call(method, name)
    assert (recipe, arguments["num_frames"]) == ("hunyuan-video-1.5-i2v", 121)
    assert arguments["image"].size == FRAME
    assert not arguments.keys() & {"width", "height", "guidance_scale"}
    outputs, recorded = calls(name, *repeated(), num_frames=5, steps=STEPS)
    check_repeated(outputs)
    # The nearest of its sizes with the area that it was trained at, here 64 × 64; it crops.
    assert set(recorded.encoded) == {(80, 48)}
    assert len(recorded.of("transformer")) == 3 * STEPS * 2
    with pytest.raises(BenchError, match="chooses the size from the frame itself"):
        method(name, resolution=640)
