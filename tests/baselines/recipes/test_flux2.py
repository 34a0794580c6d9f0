"""FLUX.2 dev, klein and klein-KV: what reaches the networks."""

import pytest

from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, check_repeated, repeated, sample

DEV, BASE, KV = "Flux2Pipeline", "Flux2KleinPipeline", "Flux2KleinKVPipeline"
DISTILLED = "Flux2KleinPipeline-distilled"
EVERY = [DEV, BASE, DISTILLED, KV]


@pytest.mark.parametrize("name", EVERY)
def test_the_frame_is_enlarged_to_the_generated_size(method, name):
    arguments = method(name).arguments.of([sample()], ["open drawer"])
    assert arguments["image"].size == (1360, 768)  # the pipeline would generate at 448 × 256
    assert (arguments["width"], arguments["height"]) == (1360, 768)
    assert arguments["generator"].initial_seed() == 0


@pytest.mark.parametrize("frame", [(456, 256), (256, 456), (1280, 1024), (1280, 800), (341, 256)])
def test_the_frame_is_never_above_1_mp(method, frame):
    """The pipeline would shrink it, and then generate at another size than the frame's."""
    width, height = method(DEV).arguments.size(frame)
    assert 0.95 * 1024**2 < width * height <= 1024**2
    assert width / height == pytest.approx(frame[0] / frame[1], rel=0.02)


@pytest.mark.parametrize(
    ("name", "steps", "guidance"),
    [(DEV, 50, 4.0), (BASE, 50, 4.0), (DISTILLED, 4, 1.0), (KV, 4, None)],
)
def test_steps_and_guidance(method, name, steps, guidance):
    arguments = method(name).arguments
    assert arguments.value("num_inference_steps") == steps
    assert arguments.value("guidance_scale") == guidance
    if name in (DISTILLED, KV):
        with pytest.raises(BenchError, match="no argument guidance_scale"):
            method(name, guidance=2.0)


@pytest.mark.parametrize(("name", "per_step"), [(DEV, 1), (BASE, 2), (DISTILLED, 1), (KV, 1)])
def test_what_reaches_the_networks(calls, name, per_step):
    outputs, recorded = calls(name, *repeated(), width=224, height=128, steps=2)
    check_repeated(outputs)
    assert recorded.encoded == [(224, 128)] * 3
    steps = recorded.of("transformer")
    assert len(steps) == 3 * 2 * per_step
    tokens = (224 // 16) * (128 // 16)
    assert steps[0]["hidden_states"].shape[1] == 2 * tokens  # of the noise and of the frame
    guidance = {None if step["guidance"] is None else step["guidance"].item() for step in steps}
    assert guidance == {4.0 if name == DEV else None}


def test_the_prompt_is_read(calls):
    (one, other), _ = calls(
        DEV, sample(0), sample(0, action="close drawer"), width=224, height=128, steps=2
    )
    assert one.size == other.size == FRAME
    assert one.tobytes() != other.tobytes()
