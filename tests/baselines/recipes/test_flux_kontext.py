"""FLUX.1 Kontext: what reaches the networks."""

import torch

from recipe_requests import check_repeated, repeated, sample

NAME = "FluxKontextPipeline"


def test_default_sizes(method):
    arguments = method(NAME).arguments.of([sample()], ["open drawer"])
    size = arguments["width"], arguments["height"]
    # The frame and the image have the same size, which keeps the places of objects.
    assert arguments["image"].size == size == (1360, 768)
    assert arguments["max_area"] == 1360 * 768  # so that the pipeline does not change it
    assert arguments["guidance_scale"] == 2.5
    assert arguments["generator"].initial_seed() == 0


def test_what_reaches_the_networks(calls):
    outputs, recorded = calls(NAME, *repeated(), width=224, height=128, steps=2)
    check_repeated(outputs)
    assert recorded.encoded == [(224, 128)] * 3
    steps = recorded.of("transformer")
    assert len(steps) == 3 * 2
    tokens = (224 // 16) * (128 // 16)
    assert steps[0]["hidden_states"].shape[1] == 2 * tokens  # of the noise and of the frame
    assert all(step["guidance"].item() == 2.5 for step in steps)
    first, second = (steps[i]["hidden_states"][:, :tokens] for i in (0, 2))
    assert not torch.equal(first, second)  # each sample has its own noise


def test_1_mp_is_generated_as_passed(calls):
    _, recorded = calls(NAME, steps=1)
    assert recorded.encoded == [(1360, 768)]
    assert recorded.of("transformer")[0]["hidden_states"].shape[1] == 2 * 85 * 48
