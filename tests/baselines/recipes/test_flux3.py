"""FLUX.3, which is a modular pipeline only: what reaches the networks."""

import pytest
import torch

from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, check_repeated, repeated, sample

NAME, DISTILLED = "Flux3ModularPipeline", "Flux3DistilledModularPipeline"
SMALL = {"width": 224, "height": 128, "steps": 2}
SHORT = {"arguments": {"max_new_tokens": 3}}  # of the prompt upsampler


def test_default_arguments(method):
    arguments = method(NAME).arguments.of([sample()], ["open drawer"])
    assert arguments["image"].size == (arguments["width"], arguments["height"]) == (1360, 768)
    assert (arguments["negative_prompt"], arguments["guidance_scale"]) == ("", 3.5)
    assert (arguments["prompt"], arguments["num_inference_steps"]) == ("open drawer", 50)
    assert arguments["generator"].initial_seed() == 0
    arguments = method(DISTILLED).arguments.of([sample()], ["open drawer"])
    assert arguments["num_inference_steps"] == 16
    assert not {"negative_prompt", "guidance_scale"} & set(arguments)


@pytest.mark.parametrize(("name", "per_step"), [(NAME, 2), (DISTILLED, 1)])
def test_what_reaches_the_networks(calls, name, per_step):
    outputs, recorded = calls(name, *repeated(), **SMALL, **SHORT)
    check_repeated(outputs)
    # Unsquashed, and not padded.
    assert recorded.encoded == [(224, 128)] * 3
    steps = recorded.of("transformer")
    assert len(steps) == 3 * 2 * per_step
    tokens = (224 // 16) * (128 // 16)
    assert steps[0]["hidden_states"].shape[1] == tokens
    assert steps[0]["image_cond_hidden_states"].shape[1] == tokens
    # Its own noise for each sample; the second has the frame of the first, and another seed.
    first, second = (steps[i * 2 * per_step] for i in (0, 1))
    assert not torch.equal(first["hidden_states"], second["hidden_states"])
    assert torch.equal(first["image_cond_hidden_states"], second["image_cond_hidden_states"])
    # The upsampler reads frame and prompt once per sample, and writes three tokens.
    read = [each for each in recorded.of("prompt_upsampler") if each["input_ids"].shape[1] > 1]
    assert len(read) == 3
    assert len(recorded.of("prompt_upsampler")) == 3 * 3


@pytest.mark.parametrize("name", [NAME, DISTILLED])
def test_verbatim_leaves_the_upsampler_out(calls, method, name):
    recipe = method(name).recipe.name + "-verbatim"
    (image,), recorded = calls(name, **SMALL, recipe=recipe)
    assert image.size == FRAME
    assert recorded.of("prompt_upsampler") == []
    assert recorded.of("text_encoder")
    built = method(name, recipe=recipe)
    assert not [each for each in built.weight_files() if "upsampler" in str(each)]
    assert [each for each in method(name).weight_files() if "upsampler" in str(each)]
    with pytest.raises(BenchError, match="'max_new_tokens' is not an argument"):
        method(name, recipe=recipe, **SHORT)
