"""Qwen-Image-Edit, -2509, -2511 and Qwen-Image-2.1: what reaches the networks."""

import pytest
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit, pipeline_qwenimage_edit_plus

from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, check_repeated, repeated, sample

EDIT, PLUS, NEWEST = "QwenImageEditPipeline", "QwenImageEditPlusPipeline", "QwenImage21Pipeline"
MODULES = {EDIT: pipeline_qwenimage_edit, PLUS: pipeline_qwenimage_edit_plus}


@pytest.fixture
def sixteenth(monkeypatch):
    """The pipelines resize the frame to 1/16 of the pixels, for speed."""
    for module in MODULES.values():
        original = module.calculate_dimensions
        monkeypatch.setattr(
            module, "calculate_dimensions", lambda area, ratio, of=original: of(area // 16, ratio)
        )


@pytest.mark.parametrize("name", [EDIT, PLUS])
def test_defaults_of_the_editors(method, name):
    built = method(name)
    arguments = built.arguments.of([sample()], ["open drawer"])
    assert arguments["image"].size == FRAME
    size = arguments["width"], arguments["height"]
    assert size == (1376, 768)
    # The frame is encoded at the size of the image.
    assert MODULES[name].calculate_dimensions(1024**2, FRAME[0] / FRAME[1])[:2] == size
    assert (arguments["negative_prompt"], arguments["true_cfg_scale"]) == (" ", 4.0)
    assert arguments["generator"].initial_seed() == 0
    assert built.arguments.value("num_inference_steps") == {EDIT: 50, PLUS: 40}[name]


@pytest.mark.parametrize(("name", "seen"), [(EDIT, (352, 192)), (PLUS, (128, 64))])
def test_what_reaches_the_networks(calls, sixteenth, name, seen):
    outputs, recorded = calls(name, *repeated(), width=224, height=128, steps=2)
    check_repeated(outputs)
    assert recorded.encoded == [(352, 192)] * 3
    # Twice per step: with the prompt, and with the negative prompt.
    assert len(recorded.of("transformer")) == 3 * 2 * 2
    with_frame = (224 // 16) * (128 // 16) + (352 // 16) * (192 // 16)
    assert recorded.of("transformer")[0]["hidden_states"].shape[1] == with_frame
    # The language model sees the frame as well, in patches of 14 pixels, in twos.
    (_, high, wide), *_ = recorded.of("text_encoder")[0]["image_grid_thw"].tolist()
    assert (wide, high) == tuple(round(side / 28) * 2 for side in seen)


def test_options_of_guidance(method):
    assert method(EDIT, true_guidance=2.5).arguments.value("true_cfg_scale") == 2.5
    assert method(EDIT, negative_prompt="blurry").arguments.value("negative_prompt") == "blurry"
    with pytest.raises(BenchError, match="no argument guidance_scale"):
        method(EDIT, guidance=2.0)


def test_default_resolution_of_2_1(method):
    arguments = method(NEWEST).arguments
    assert arguments.of([sample()], ["open drawer"])["image"].size == FRAME
    assert arguments.value("output_resolution") == 1024
    assert method(NEWEST, resolution=768).arguments.value("output_resolution") == 768
    with pytest.raises(BenchError, match="chooses the size from the frame itself"):
        method(NEWEST, width=512, height=256)


@pytest.mark.parametrize(("options", "per_step"), [({}, 1), ({"true_guidance": 4.0}, 2)])
def test_what_reaches_the_networks_of_2_1(calls, options, per_step):
    outputs, recorded = calls(NEWEST, *repeated(), resolution=256, steps=2, **options)
    check_repeated(outputs)
    assert recorded.encoded == [(352, 192)] * 3
    assert len(recorded.of("transformer")) == 3 * 2 * per_step
    assert recorded.of("text_encoder")[0]["image_grid_thw"].tolist() == [[1, 12, 22]]
