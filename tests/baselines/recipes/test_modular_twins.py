"""Modular pipelines of families with a recipe: they get the same call, and give the same image."""

import numpy as np
import pytest
from diffusers.modular_pipelines.qwenimage import encoders
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit, pipeline_qwenimage_edit_plus

from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, repeated, sample
from tiny_modular import TWINS, VIDEO_TWINS

KONTEXT, KLEIN_BASE = "FluxKontextModularPipeline", "Flux2KleinBaseModularPipeline"
EDIT = "QwenImageEditModularPipeline"
OPTIONS = {
    "QwenImage21ModularPipeline": {"resolution": 256, "true_guidance": 3.0},
    "FluxModularPipeline": {"resolution": 192, "strength": 1.0},
}


SMALL_VIDEO = {"width": 96, "height": 64, "num_frames": 9, "steps": 2, "frame": "middle"}


@pytest.fixture
def sixteenth(monkeypatch):
    """Qwen-Image editors resize the frame to 1/16 of the pixels, for speed."""
    for module in (encoders, pipeline_qwenimage_edit, pipeline_qwenimage_edit_plus):
        original = module.calculate_dimensions
        monkeypatch.setattr(
            module, "calculate_dimensions", lambda area, ratio, of=original: of(area // 16, ratio)
        )


def counts(recorded):
    calls = [(name, called) for name, called, _ in recorded]
    return {each: calls.count(each) for each in calls}


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_gives_the_image_of_its_family(calls, sixteenth, name):
    options = {"steps": 2} | OPTIONS.get(name, {"resolution": 192})
    (expected,), of_family = calls(TWINS[name], **options)
    (image,), of_twin = calls(name, **options)
    assert image.size == FRAME
    assert np.abs(np.asarray(image).astype(int) - np.asarray(expected)).max() <= 1
    assert of_twin.encoded == of_family.encoded
    assert counts(of_twin) == counts(of_family)


@pytest.mark.parametrize("name", VIDEO_TWINS)
def test_a_video_twin_gives_the_frame_of_its_family(calls, capfd, name):
    (expected,), of_family = calls(VIDEO_TWINS[name], **SMALL_VIDEO)
    capfd.readouterr()
    (image,), of_twin = calls(name, **SMALL_VIDEO)
    assert "it/s" not in capfd.readouterr().err  # no progress bar
    assert np.abs(np.asarray(image).astype(int) - np.asarray(expected)).max() <= 1
    assert of_twin.encoded == of_family.encoded == [(96, 64)]
    # Twice per step: with the prompt, and with the negative prompt.
    denoised = sum(len(of_twin.of(part)) for part in ("transformer", "transformer_2"))
    assert denoised == 2 * 2


def test_each_sample_has_its_own_noise(calls):
    options = {"resolution": 128, "steps": 1}
    one, other, again = (
        np.asarray(image).astype(int) for image in calls(KLEIN_BASE, *repeated(), **options)[0]
    )
    assert (one == again).all()
    assert np.abs(one - other).max() > 1


def test_default_arguments(method):
    arguments = method(KONTEXT).arguments.of([sample()], ["open drawer"])
    size = arguments["width"], arguments["height"]
    assert arguments["image"].size == size == (1360, 768)
    assert (arguments["guidance_scale"], arguments["max_area"]) == (2.5, 1360 * 768)
    assert arguments["generator"].initial_seed() == 0
    arguments = method(EDIT).arguments.of([sample()], ["open drawer"])
    assert (arguments["negative_prompt"], arguments["true_cfg_scale"]) == (" ", 4.0)


@pytest.mark.parametrize(("guidance", "per_step"), [(None, 2), (1.0, 1), (0.0, 1), (7.0, 2)])
def test_guidance_is_that_of_the_guider(calls, method, guidance, per_step):
    size = {"resolution": 128, "steps": 1}
    _, recorded = calls(KLEIN_BASE, guidance=guidance, **size)
    assert len(recorded.of("transformer")) == per_step
    built = method(KLEIN_BASE, guidance=guidance, **size)
    built.generate([sample()])
    if per_step == 2:
        assert built.pipeline.components["guider"].guidance_scale == (guidance or 4.0)


def test_options_without_an_argument_are_refused(method):
    with pytest.raises(BenchError, match="has no argument guidance_scale"):
        method("Flux2KleinModularPipeline", guidance=3.0)
    with pytest.raises(BenchError, match="has no argument strength"):
        method(EDIT, strength=0.5)
    with pytest.raises(BenchError, match="generates images, not videos"):
        method(EDIT, frame="last")
