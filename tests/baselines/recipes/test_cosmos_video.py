"""NVIDIA Cosmos: what reaches the networks."""

import pytest

from egoactgen_bench.errors import BenchError
from tiny_cosmos_models import guardrail
from video_recipes import STEPS, check_call, small_run

SHORT = {"max_sequence_length": 128}
NAMES = [
    "CosmosVideoToWorldPipeline",
    "Cosmos2VideoToWorldPipeline",
    "Cosmos2_5_PredictBasePipeline",
]


@pytest.fixture
def guarded():
    with guardrail():
        yield


@pytest.mark.parametrize(
    ("name", "recipe", "size", "expected"),
    [
        (NAMES[0], "cosmos-1-video2world", (1264, 704), {"num_frames": 121, "fps": 30}),
        (NAMES[1], "cosmos-2-video2world", (1264, 704), {"num_frames": 93, "fps": 16}),
        (NAMES[2], "cosmos-2.5-predict", (1264, 704), {"num_frames": 93}),
        ("Cosmos3OmniPipeline", "cosmos-3", (1280, 720), {"num_frames": 189, "fps": 24}),
        ("Cosmos 3 unchecked", "cosmos-3-unchecked", (1280, 720), {"guidance_scale": 6.0}),
    ],
)
def test_default_call(guarded, method, name, recipe, size, expected):
    check_call(method, name, recipe, size, **expected)


@pytest.mark.parametrize("name", NAMES)
def test_cosmos(guarded, calls, name):
    recorded = small_run(calls, name, frames=9, arguments=SHORT)
    steps = recorded.of("transformer")
    assert len(steps) == 3 * STEPS * 2  # with the prompt, and with NVIDIA's negative prompt
    mask = steps[0]["condition_mask"]
    assert mask[:, :, 0].all()  # only the first frame is given
    assert not mask[:, :, 1:].any()


def test_cosmos_3(calls):
    recorded = small_run(calls, "Cosmos 3 unchecked")
    assert len(recorded.of("transformer")) == 3 * STEPS * 2


@pytest.mark.parametrize("name", [*NAMES, "Cosmos3OmniPipeline"])
def test_the_guardrail_must_be_installed(method, name):
    with pytest.raises(BenchError, match=f"{name} needs the package cosmos_guardrail: pip install"):
        method(name)
