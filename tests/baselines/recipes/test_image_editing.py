"""The editors of several vendors: what reaches the networks."""

import json
import math

import pytest
import torch
from diffusers.pipelines.joyimage import image_processor as joyimage
from diffusers.pipelines.longcat_image import pipeline_longcat_image_edit as longcat
from transformers import GlmImageForConditionalGeneration

from egoactgen_baselines.pipelines import required_packages
from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, check_repeated, repeated, sample

SMALL = {"width": 224, "height": 128, "steps": 2}
ACTION = "open drawer"


def defaults(method, name, **options):
    built = method(name, **options)
    arguments = built.arguments.of([sample()], [ACTION])
    assert arguments["generator"].initial_seed() == 0
    return built.arguments, arguments


def size_of(arguments):
    return arguments["width"], arguments["height"]


@pytest.mark.parametrize(
    ("name", "size", "frame", "guidance"),
    [
        ("DreamLitePipeline", (1376, 768), FRAME, 3.5),
        ("DreamLiteMobilePipeline", (1376, 768), FRAME, None),
        ("BriaFibo2Pipeline", (1360, 768), FRAME, 5.0),
        ("BriaFiboEditPipeline", (1360, 768), (1360, 768), 5),
        ("Kandinsky5I2IPipeline", (1280, 768), (1280, 768), 3.5),
    ],
)
def test_default_sizes(method, name, size, frame, guidance):
    built, arguments = defaults(method, name)
    assert size_of(arguments) == size
    assert arguments["image"].size == frame
    assert built.value("guidance_scale") == guidance


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("LongCatImageEditPipeline", "image"),
        ("JoyImageEditPipeline", "image"),
        ("JoyImageEditPlusPipeline", "images"),
    ],
)
def test_pipelines_that_choose_the_size(method, name, argument):
    built, arguments = defaults(method, name)
    frame = arguments[argument]
    assert (frame[0] if argument == "images" else frame).size == FRAME
    assert not {"width", "height"} & set(arguments)
    assert built.value("guidance_scale") == (4.5 if name.startswith("LongCat") else 4.0)
    with pytest.raises(BenchError, match="chooses the size from the frame itself"):
        method(name, resolution=512)


def test_the_sizes_they_choose():
    assert longcat.calculate_dimensions(1024 * 1024, FRAME[0] / FRAME[1]) == (1376, 768)
    assert joyimage.find_best_bucket(FRAME[1], FRAME[0], 1024) == (768, 1344)


def test_what_reaches_longcat(calls, monkeypatch):
    original = longcat.calculate_dimensions
    monkeypatch.setattr(
        longcat, "calculate_dimensions", lambda area, *of: original(area // 16, *of)
    )
    outputs, recorded = calls("LongCatImageEditPipeline", *repeated(), steps=2)
    check_repeated(outputs)
    assert recorded.encoded == [(352, 192)] * 3
    assert len(recorded.of("transformer")) == 3 * 2 * 2
    # The language model sees the frame at half of the size, in patches of 14 pixels.
    assert recorded.of("text_encoder")[0]["image_grid_thw"].tolist() == [[1, 6, 12]]


@pytest.mark.parametrize(
    ("name", "per_step"), [("JoyImageEditPipeline", 2), ("JoyImageEditPlusPipeline", 1)]
)
def test_what_reaches_joyimage(calls, monkeypatch, name, per_step):
    smaller = [(height // 4, width // 4) for height, width in joyimage.BUCKETS[1024]]
    monkeypatch.setitem(joyimage.BUCKETS, 1024, smaller)
    outputs, recorded = calls(name, *repeated(), steps=2)
    check_repeated(outputs)
    assert recorded.encoded == [(336, 192)] * 3
    steps = recorded.of("transformer")
    assert len(steps) == 3 * 2 * per_step
    # With one call per step, both prompts are in it.
    assert {len(step["hidden_states"]) for step in steps} == {2 // per_step}
    assert recorded.of("text_encoder")[0]["image_grid_thw"].tolist() == [[1, 12, 20]]


def test_what_reaches_kandinsky(calls, method):
    with pytest.raises(BenchError, match="generates these sizes only: 1024 × 1024, 640 × 1408"):
        method("Kandinsky5I2IPipeline", width=320, height=192)
    assert size_of(defaults(method, "Kandinsky5I2IPipeline", width=1152, height=896)[1])[0] == 1152
    outputs, recorded = calls("Kandinsky5I2IPipeline", *repeated(), steps=1)
    check_repeated(outputs)
    assert recorded.encoded == [(1280, 768)] * 3
    assert len(recorded.of("transformer")) == 3 * 2
    assert recorded.of("text_encoder")[0]["image_grid_thw"].tolist() == [[1, 28, 46]]


@pytest.mark.parametrize(
    ("name", "copies"), [("DreamLitePipeline", 3), ("DreamLiteMobilePipeline", 1)]
)
def test_what_reaches_dreamlite(calls, name, copies):
    outputs, recorded = calls(name, *repeated(), steps=2, width=256, height=128)
    check_repeated(outputs)
    assert recorded.encoded == [(256, 128)] * 3
    steps = recorded.of("unet")
    assert len(steps) == 3 * 2
    # The noise and the frame are side by side; guidance by the frame and by the prompt.
    assert {tuple(step["args"][0].shape) for step in steps} == {(copies, 4, 16, 2 * 32)}


def test_options_of_dreamlite(method):
    built, _ = defaults(method, "DreamLitePipeline", image_guidance=2.0)
    assert built.value("image_guidance_scale") == 2.0
    with pytest.raises(BenchError, match="no argument image_guidance_scale"):
        method("DreamLiteMobilePipeline", image_guidance=2.0)


@pytest.mark.parametrize("name", ["BriaFiboEditPipeline", "BriaFibo2Pipeline"])
def test_what_reaches_bria_fibo(calls, method, name):
    _, arguments = defaults(method, name)
    assert json.loads(arguments["prompt"]) == {"edit_instruction": ACTION}
    outputs, recorded = calls(name, *repeated(), **SMALL)
    check_repeated(outputs)
    assert recorded.encoded == [(224, 128)] * 3
    first = recorded.of("transformer")[0]["hidden_states"]
    passes = len(recorded.of("transformer")) / (3 * 2)
    assert (passes, len(first)) == ((1, 2) if name == "BriaFiboEditPipeline" else (2, 1))


def test_quotes_of_an_action_stay_in_its_json_prompt(method):
    arguments = method("BriaFiboEditPipeline").arguments.of([sample()], ['read "stop" {é}'])
    assert json.loads(arguments["prompt"]) == {"edit_instruction": 'read "stop" {é}'}


def test_z_image_omni_needs_bfloat16(method):
    message = "ZImageOmniPipeline works in bfloat16 only: pass --dtype bfloat16"
    with pytest.raises(BenchError, match=message):
        method("ZImageOmniPipeline")
    built, arguments = defaults(method, "ZImageOmniPipeline", dtype="bfloat16")
    assert arguments["image"].size == size_of(arguments) == (1360, 768)
    assert built.value("guidance_scale") == 5.0


def test_what_reaches_z_image_omni(calls):
    outputs, recorded = calls("ZImageOmniPipeline", *repeated(), **SMALL, dtype="bfloat16")
    check_repeated(outputs)
    assert recorded.encoded == [(224, 128)] * 3
    steps = recorded.of("transformer")
    assert len(steps) == 3 * 2
    for step in steps:  # with the prompt and without; the frame's latents, then the noise
        assert [len(latents) for latents in step["x"]] == [2, 2]
        assert step["image_noise_mask"] == [[0, 1], [0, 1]]
    ((high, wide),) = recorded.of("siglip")[0]["spatial_shapes"].tolist()
    assert wide / high == pytest.approx(224 / 128, rel=0.05)


def test_what_reaches_omnigen(calls, method):
    built, arguments = defaults(method, "OmniGenPipeline")
    assert arguments["prompt"] == "<img><|image_1|></img> open drawer"
    assert [image.size for image in arguments["input_images"]] == [(1024, 576)]
    assert size_of(arguments) == (1024, 576)
    assert (built.value("guidance_scale"), built.value("img_guidance_scale")) == (2.0, 1.6)
    assert (
        method("OmniGenPipeline", image_guidance=1.2).arguments.value("img_guidance_scale") == 1.2
    )
    outputs, recorded = calls("OmniGenPipeline", *repeated(), **SMALL)
    check_repeated(outputs)
    assert set(recorded.encoded) == {(224, 128)}
    # Guidance by the frame and by the prompt.
    assert {len(step["hidden_states"]) for step in recorded.of("transformer")} == {3}


@pytest.fixture
def glm_image(monkeypatch):
    """GLM-Image with the shape of an image's features that diffusers 0.42 expects."""
    original = GlmImageForConditionalGeneration.get_image_tokens

    def get_image_tokens(self, features, grids=None):
        alone = isinstance(features, torch.Tensor) and features.ndim == 3
        return original(self, [features] if alone else features, grids).flatten()

    monkeypatch.setattr(GlmImageForConditionalGeneration, "get_image_tokens", get_image_tokens)
    monkeypatch.setattr(required_packages, "version", lambda name: "5.17.0")


def test_what_reaches_glm_image(calls, method, glm_image):
    built, arguments = defaults(method, "GlmImagePipeline")
    assert [image.size for image in arguments["image"]] == [(1376, 768)]
    assert size_of(arguments) == (1376, 768)
    assert built.value("guidance_scale") == 1.5
    with pytest.raises(BenchError, match="multiples of 32"):
        method("GlmImagePipeline", width=480, height=272)
    outputs, recorded = calls("GlmImagePipeline", *repeated(), **SMALL)
    check_repeated(outputs)
    assert recorded.encoded == [(224, 128)] * 3
    # Once for the frame, then twice per step: with the prompt, and without.
    assert len(recorded.of("transformer")) == 3 * (1 + 2 * 2)
    # The image tokens of the frame and of the result, of 32 pixels each.
    grids = recorded.of("vision_language_encoder")[0]["image_grid_thw"]
    assert grids.tolist() == [[1, 4, 7]] * 2
    assert math.prod((224 // 16, 128 // 16)) == len(recorded.of("transformer")[0]["prior_token_id"])


def test_glm_image_is_refused_with_versions_that_fail(method, monkeypatch):
    monkeypatch.setattr(required_packages, "version", lambda name: "5.24.0")
    message = "GlmImagePipeline fails with transformers 5.24.0: pip install 'transformers<5.18'"
    with pytest.raises(BenchError, match=message):
        method("GlmImagePipeline")
