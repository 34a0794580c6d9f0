"""Wan and the models that are based on it: what reaches the networks."""

import pytest
import torch

from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, sample
from video_recipes import STEPS, check_call, default_call, small_run

# Of HeliosScheduler, which passes tensors to np.linspace.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")


@pytest.mark.parametrize(
    ("name", "recipe", "size", "expected"),
    [
        ("Wan 2.1", "wan-2.1-i2v", (848, 480), {"num_frames": 81, "guidance_scale": 5.0}),
        (
            "Wan 2.2",
            "wan-2.2-i2v",
            (848, 480),
            {"num_frames": 81, "guidance_scale": 3.5, "num_inference_steps": 40},
        ),
        ("Wan 2.2 TI2V", "wan-2.2-ti2v", (1280, 704), {"num_frames": 121, "guidance_scale": 5.0}),
        (
            "SkyReelsV2ImageToVideoPipeline",
            "skyreels-v2-i2v",
            (960, 544),
            {"num_frames": 97, "guidance_scale": 5.0},
        ),
        (
            "SkyReelsV2DiffusionForcingPipeline",
            "skyreels-v2-df",
            (960, 544),
            {"num_frames": 97, "addnoise_condition": 20},
        ),
        (
            "ChronoEditPipeline",
            "chronoedit",
            (1280, 720),
            {"num_frames": 5, "guidance_scale": 5.0},
        ),
        ("HeliosPipeline", "helios", (656, 368), {"num_frames": 99, "guidance_scale": 5.0}),
        (
            "HeliosPyramidPipeline",
            "helios-pyramid",
            (640, 384),
            {"num_frames": 99, "pyramid_num_inference_steps_list": [20, 20, 20]},
        ),
        (
            "Helios distilled",
            "helios-distilled",
            (640, 384),
            {"guidance_scale": 1.0, "pyramid_num_inference_steps_list": [2, 2, 2]},
        ),
    ],
)
def test_default_call(method, name, recipe, size, expected):
    check_call(method, name, recipe, size, **expected)


@pytest.mark.parametrize("name", ["Wan 2.1", "Wan 2.2", "Wan 2.2 TI2V", "HeliosPipeline"])
def test_the_negative_prompt_of_wan(method, name):
    _, arguments = default_call(method, name)
    assert arguments["negative_prompt"].startswith("Bright tones, overexposed, static")


def test_wan_2_1(calls):
    recorded = small_run(calls, "Wan 2.1")
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS * 2  # with and without the prompt
    assert steps[0]["hidden_states"].shape[1:] == (36, 2, 64 // 8, 112 // 8)
    assert steps[0]["encoder_hidden_states_image"].shape == (1, 17, 4)
    (frame,) = recorded.of("vae", "encode")[0]["args"]
    assert frame.shape == (1, 3, 5, 64, 112)
    assert frame[:, :, 0].std() > 0.1
    assert not frame[:, :, 1:].any()  # only the first frame is given


def test_wan_2_2_has_two_experts(calls):
    recorded = small_run(calls, "Wan 2.2", steps=4)
    counts = [len(recorded.of(part)) for part in ("transformer", "transformer_2")]
    assert all(counts)
    assert sum(counts) == 3 * 4 * 2


def test_wan_2_2_ti2v(calls):
    size = (128, 64)
    recorded = small_run(calls, "Wan 2.2 TI2V", size=size)
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS * 2
    assert steps[0]["hidden_states"].shape[1:] == (48, 2, 64 // 16, 128 // 16)
    times = steps[0]["timestep"].reshape(2, -1)
    assert not times[0].any()  # the given frame is without noise
    assert times[1].all()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Wan T2V", "WanPipeline generates from text only"),
        ("Wan 2.1 FLF2V", "recipes, but for other values of .*transformer/pos_embed_seq_len"),
    ],
)
def test_wan_for_other_tasks_is_refused(method, name, why):
    with pytest.raises(BenchError, match=why):
        method(name)


@pytest.mark.parametrize(
    "name", ["SkyReelsV2ImageToVideoPipeline", "SkyReelsV2DiffusionForcingPipeline"]
)
def test_skyreels(calls, name):
    recorded = small_run(calls, name)
    assert len(recorded.of("transformer")) == 3 * STEPS * 2


def test_chronoedit(calls, method):
    recorded = small_run(calls, "ChronoEditPipeline", frames=None)
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS * 2
    assert steps[0]["hidden_states"].shape[2] == 2  # the frame and the edited one
    with pytest.raises(BenchError, match="has no argument num_frames"):
        method("ChronoEditPipeline", num_frames=29)


def test_chronoedit_with_reasoning(calls):
    recorded = small_run(
        calls,
        "ChronoEditPipeline",
        frames=9,
        steps=3,
        recipe="chronoedit-reasoning",
        arguments={"num_temporal_reasoning_steps": 2},
    )
    lengths = [step["hidden_states"].shape[2] for step in recorded.of("transformer")]
    assert lengths == [3, 3, 3, 3, 2, 2] * 3


def test_lucy_edit_is_given_a_still_video(calls, method):
    _, arguments = default_call(method, "LucyEditPipeline")
    assert [frame.size for frame in arguments["video"]] == [(456, 256)] * 81
    assert (arguments["width"], arguments["height"]) == (848, 480)
    recorded = small_run(calls, "LucyEditPipeline")
    assert len(recorded.of("transformer")) == 3 * STEPS * 2
    (video,) = recorded.of("vae", "encode")[0]["args"]
    assert (video == video[:, :, :1]).all()


def test_the_autoencoder_and_the_image_encoder_stay_in_float32(method):
    for name in ("Wan 2.1", "ChronoEditPipeline", "LucyEditPipeline"):
        built = method(name, dtype="bfloat16", width=112, height=64, steps=1, num_frames=None)
        parts = built.pipeline.components
        exact = {key for key, part in parts.items() if getattr(part, "dtype", 0) == torch.float32}
        assert exact == {"vae", "image_encoder"} & parts.keys()
        assert parts["transformer"].dtype == torch.bfloat16


def test_lucy_edit_in_bfloat16(method):
    # Its pipeline passes float32 pixels to the autoencoder.
    size = {"width": 112, "height": 64}
    built = method("LucyEditPipeline", dtype="bfloat16", num_frames=5, steps=1, **size)
    (image,) = built.generate([sample()])
    assert image.size == FRAME


def test_helios(calls):
    recorded = small_run(calls, "HeliosPipeline", size=(64, 32), frames=33)
    assert len(recorded.of("transformer")) == 3 * STEPS * 2


@pytest.mark.parametrize(
    ("name", "guided"), [("HeliosPyramidPipeline", True), ("Helios distilled", False)]
)
def test_helios_in_a_pyramid(calls, name, guided):
    stages = {"pyramid_num_inference_steps_list": [1, 1, 1]}
    (image,), recorded = calls(name, width=128, height=64, num_frames=33, arguments=stages)
    assert image.size == FRAME
    assert set(recorded.encoded) == {(128, 64)}
    steps = recorded.of("transformer")
    shapes = [tuple(step["hidden_states"].shape[-2:]) for step in steps]
    # Twice in each stage: with and without the prompt, or an extra step for the first chunk.
    assert shapes == [(2, 4)] * 2 + [(4, 8)] * 2 + [(8, 16)] * 2
    one, two = (step["encoder_hidden_states"] for step in steps[:2])
    assert torch.equal(one, two) != guided


def test_chunks_of_helios(method):
    assert method("HeliosPipeline").frames.count == 97
    with pytest.raises(BenchError, match="generates multiples of 33 frames; num_frames=97 is not"):
        method("HeliosPipeline", num_frames=97)
