"""InstructPix2Pix and image-to-image with a strength: what reaches the networks."""

from types import SimpleNamespace

import numpy as np
import pytest

from recipe_requests import FRAME, check_repeated, repeated, sample

MILLION = (1360, 768)  # 1 MP at the frame's aspect, in multiples of 16
TRAINED = (344, 192)  # 256², the area of the tiny networks, in multiples of 8


def family(saved, loaded, size, **changed):
    """What is expected of a pipeline; `copies` is how often guidance runs each sample at once."""
    usual = {"resized": False, "copies": 1, "passes": 1, "network": "transformer"}
    return SimpleNamespace(saved=saved, loaded=loaded, size=size, **(usual | changed))


FAMILIES = [
    family(
        "StableDiffusionInstructPix2PixPipeline",
        "StableDiffusionInstructPix2PixPipeline",
        TRAINED,
        resized=True,
        copies=3,
        network="unet",
    ),
    family(
        "StableDiffusionXLInstructPix2PixPipeline",
        "StableDiffusionXLInstructPix2PixPipeline",
        TRAINED,
        copies=3,
        network="unet",
    ),
    family(
        "StableDiffusionPipeline",
        "StableDiffusionImg2ImgPipeline",
        TRAINED,
        resized=True,
        copies=2,
        network="unet",
    ),
    family(
        "StableDiffusionXLPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        TRAINED,
        resized=True,
        copies=2,
        network="unet",
    ),
    family("StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline", (336, 192), copies=2),
    family("FluxPipeline", "FluxImg2ImgPipeline", MILLION),
    family("FluxPipeline-schnell", "FluxImg2ImgPipeline", MILLION),
    family("FluxImg2ImgPipeline", "FluxImg2ImgPipeline", MILLION),
    family("QwenImagePipeline", "QwenImageImg2ImgPipeline", MILLION, passes=2),
    family("ZImagePipeline", "ZImageImg2ImgPipeline", MILLION, resized=True, copies=2),
]
every = pytest.mark.parametrize("expected", FAMILIES, ids=lambda each: each.saved)


@every
def test_default_sizes(method, expected):
    built = method(expected.saved)
    assert built.kind.__name__ == expected.loaded
    assert built.arguments.size(FRAME) == expected.size
    arguments = built.arguments.of([sample()], ["open drawer"])
    assert arguments["image"].size == (expected.size if expected.resized else FRAME)
    if "width" in arguments:
        assert (arguments["width"], arguments["height"]) == expected.size
    else:
        assert expected.resized
    assert arguments["generator"].initial_seed() == 0


def rows(given):
    """The number of images in one call of a network."""
    values = given.get("hidden_states", given["args"][0] if given["args"] else None)
    return len(values)


@every
def test_what_reaches_the_networks(calls, expected):
    strength = {} if expected.copies == 3 else {"strength": 1.0}  # which keeps each step
    outputs, recorded = calls(expected.saved, *repeated(), steps=2, resolution=128, **strength)
    check_repeated(outputs, within=1)
    width, height = recorded.encoded[0]
    assert set(recorded.encoded) == {(width, height)}
    assert width / height == pytest.approx(FRAME[0] / FRAME[1], rel=0.05)
    assert abs(width * height - 128 * 128) < 2000
    steps = recorded.of(expected.network)
    assert len(steps) == 2 * expected.passes  # the three samples are one batch
    assert {rows(step) for step in steps} == {3 * expected.copies}


@every
def test_a_batch_gives_the_images_of_single_calls(calls, expected):
    options = {"steps": 4, "resolution": 128}
    requests = sample(0), sample(1, action="close the upper drawer slowly")
    together, _ = calls(expected.saved, *requests, **options)
    for number, request in enumerate(requests):
        (alone,), _ = calls(expected.saved, request, **options)
        difference = np.asarray(alone).astype(int) - np.asarray(together[number])
        assert np.abs(difference).max() <= 2


def test_guidance_of_flux_and_qwen_image(calls):
    _, recorded = calls("FluxPipeline", steps=2, resolution=128)
    assert {step["guidance"].item() for step in recorded.of("transformer")} == {3.5}
    _, recorded = calls("QwenImagePipeline", steps=2, resolution=128, true_guidance=1.0)
    without = len(recorded.of("transformer"))
    _, recorded = calls("QwenImagePipeline", steps=2, resolution=128)
    assert len(recorded.of("transformer")) == 2 * without


def test_steps_of_the_distilled_flux(method):
    assert method("FluxPipeline").arguments.value("num_inference_steps") == 28
    assert method("FluxPipeline-schnell").arguments.value("num_inference_steps") == 4
