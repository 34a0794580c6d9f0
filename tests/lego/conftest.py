"""A small VLLM, instructions to tune it on, and the tuning."""

import json

import pytest

from egoactgen_bench.artifacts.splits import load_split
from egoactgen_lego.stages.curate import instruction
from egoactgen_lego.stages.tune import tune
from small_tuning import SMALL
from tiny_vllm import write_tiny_vllm

ANSWERS = (
    "The person pulls the handle with the left hand.",
    "The person grips the mug with the right hand.",
    "The person presses the knife down on the onion.",
)


@pytest.fixture(scope="session")
def vllm_weights(tmp_path_factory):
    return write_tiny_vllm(tmp_path_factory.mktemp("vllm") / "tiny-vllm")


@pytest.fixture
def instructions_file(drawn_split):
    """Curated instructions of the drawn split."""
    rows = load_split(drawn_split).samples.to_dict("records")
    entries = [instruction(row, ANSWERS[number % 3], seed=0) for number, row in enumerate(rows)]
    path = drawn_split / "instructions" / "curated" / "instructions.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture
def tuned(vllm_weights, instructions_file, drawn_split, tmp_path):
    def call(name="tuned", weights=vllm_weights, **options):
        out = tmp_path / name
        return out, tune(
            weights, instructions_file, drawn_split, out, options=SMALL | options, device="cpu"
        )

    return call
