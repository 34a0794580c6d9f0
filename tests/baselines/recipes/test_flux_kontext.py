"""FLUX.1 Kontext: what reaches the networks."""

import torch

from recipe_requests import FRAME, sample

NAME = "FluxKontextPipeline"


def test_default_sizes(method):
    arguments = method(NAME).arguments.of([sample()], ["open drawer"])
    assert arguments["image"].size == FRAME  # the pipeline resizes it to 1 MP itself
    assert (arguments["width"], arguments["height"]) == (1360, 768)
    assert arguments["guidance_scale"] == 2.5
    assert arguments["generator"].initial_seed() == 0


def test_what_reaches_the_networks(calls):
    size = {"width": 224, "height": 128}
    (one, two), recorded = calls(NAME, sample(0), sample(1), **size, steps=2)
    assert one.size == two.size == FRAME
    # The nearest of the pipeline's own sizes: wide, about 1 MP, not squashed.
    assert recorded.encoded == [(1328, 800)] * 2
    steps = recorded.of("transformer")
    assert len(steps) == 4
    noise, frame_tokens = (224 // 16) * (128 // 16), (1328 // 16) * (800 // 16)
    assert steps[0]["hidden_states"].shape[1] == noise + frame_tokens
    assert all(step["guidance"].item() == 2.5 for step in steps)
    first, second = (steps[i]["hidden_states"][:, :noise] for i in (0, 2))
    assert not torch.equal(first, second)  # each sample has its own noise
