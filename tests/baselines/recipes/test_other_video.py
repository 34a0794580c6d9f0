"""CogVideoX, Kandinsky, SANA-Video, Motif-Video, Stable Video Diffusion: what reaches networks."""

import pytest

from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, check_repeated, repeated, sample
from video_recipes import STEPS, check_call, default_call, small_run

SANA_SIZE = (128, 64)  # in multiples of 32


@pytest.mark.parametrize(
    ("name", "recipe", "size", "expected"),
    [
        (
            "CogVideoX 1.0",
            "cogvideox-i2v",
            (720, 480),
            {"num_frames": 49, "guidance_scale": 6.0, "use_dynamic_cfg": True},
        ),
        ("CogVideoX 1.5", "cogvideox-1.5-i2v", (1360, 768), {"num_frames": 81}),
        (
            "Kandinsky5I2VPipeline",
            "kandinsky-5-i2v",
            (848, 480),
            {"num_frames": 121, "guidance_scale": 5.0},
        ),
        ("Kandinsky 5 Pro", "kandinsky-5-i2v-pro", (1152, 640), {"guidance_scale": 5.0}),
        (
            "Kandinsky6TI2VAPipeline",
            "kandinsky-6-ti2va",
            (832, 464),
            {"num_frames": 121, "frame_rate": 24, "sample_audio": False},
        ),
        (
            "MotifVideoImage2VideoPipeline",
            "motif-video-i2v",
            (1296, 720),
            {"num_frames": 121, "negative_prompt": "worst quality, blurry, jittery, distorted"},
        ),
    ],
)
def test_default_call(method, name, recipe, size, expected):
    check_call(method, name, recipe, size, **expected)


@pytest.mark.parametrize(
    ("name", "size"), [("SanaVideoPipeline", (832, 480)), ("SANA-Video 720p", (1280, 704))]
)
def test_the_prompt_of_sana_video(method, name, size):
    assert method(name).kind.__name__ == "SanaImageToVideoPipeline"
    _, arguments = default_call(method, name)
    assert (arguments["width"], arguments["height"]) == size
    assert arguments["prompt"] == "open drawer motion score: 30."
    assert arguments["negative_prompt"].startswith("A chaotic sequence")
    assert (arguments["frames"], arguments["guidance_scale"]) == (81, 6.0)
    assert not arguments["use_resolution_binning"]


@pytest.mark.parametrize(("name", "frames"), [("CogVideoX 1.0", 5), ("CogVideoX 1.5", 9)])
def test_cogvideox(calls, name, frames):
    recorded = small_run(calls, name, frames=frames)
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS
    assert steps[0]["hidden_states"].shape[0] == 2  # with and without the prompt
    given = steps[0]["hidden_states"][:, -1, 4:]
    assert not given.any()  # only the first frame is given


@pytest.mark.parametrize(
    ("name", "frames"), [("Kandinsky5I2VPipeline", 17), ("Kandinsky6TI2VAPipeline", 5)]
)
def test_kandinsky(calls, name, frames):
    recorded = small_run(calls, name, frames=frames, arguments={"max_sequence_length": 512})
    assert len(recorded.of("transformer")) == 3 * STEPS * 2


def test_kandinsky_5_needs_17_frames(method):
    message = "multiples of 4 frames plus 1, at least 17; num_frames=13 is not"
    with pytest.raises(BenchError, match=message):
        method("Kandinsky5I2VPipeline", num_frames=13)


def test_sana_video(calls):
    recorded = small_run(calls, "SanaVideoPipeline", size=SANA_SIZE)
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS
    assert steps[0]["args"][0].shape[0] == 2  # with and without the prompt


def test_motif_video(calls):
    recorded = small_run(calls, "MotifVideoImage2VideoPipeline")
    assert len(recorded.of("transformer")) == 3 * STEPS * 2


@pytest.mark.parametrize(
    ("name", "recipe", "frames"),
    [
        ("StableVideoDiffusionPipeline", "stable-video-diffusion", 14),
        ("SVD-XT", "stable-video-diffusion-xt", 25),
    ],
)
def test_stable_video_diffusion_takes_no_text(method, name, recipe, frames):
    chosen, arguments = default_call(method, name)
    assert (chosen, arguments["num_frames"], arguments["fps"]) == (recipe, frames, 7)
    assert (arguments["width"], arguments["height"]) == (1024, 576)
    assert arguments["image"].size == FRAME
    assert "prompt" not in arguments
    built = method(name, guidance=2.0)
    assert built.arguments.constant["max_guidance_scale"] == 2.0
    assert built.prompt(sample()) == ""
    assert built.notices() == [
        "StableVideoDiffusionPipeline takes no text: the action has no effect on its images."
    ]
    with pytest.raises(BenchError, match=r"no argument negative_prompt \(-o negative_prompt\)"):
        method(name, negative_prompt="a hand")


def test_stable_video_diffusion(calls):
    size = (112, 64)
    outputs, recorded = calls(
        "StableVideoDiffusionPipeline",
        *repeated(),
        width=size[0],
        height=size[1],
        num_frames=3,
        steps=STEPS,
    )
    check_repeated(outputs)
    assert set(recorded.encoded) == {size}
    assert recorded.of("image_encoder")[0]["args"][0].shape == (1, 3, 224, 224)
    steps = recorded.of("unet")
    assert len(steps) == 3 * STEPS
    assert steps[0]["args"][0].shape == (2, 3, 8, 8, 14)  # with and without the image
