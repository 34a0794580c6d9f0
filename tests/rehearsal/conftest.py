"""Small networks of every kind, and splits that they are applied to."""

import sys

import pytest

from drawn_split import write_drawn_split
from egoactgen_bench.artifacts.splits import load_split
from plugin_calls import SAMPLES
from tiny_vllm import write_tiny_vllm


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="session")
def split(workspace):
    return load_split(write_drawn_split(workspace / "splits" / "drawn-val", SAMPLES))


@pytest.fixture(scope="session")
def vllm_weights(workspace):
    return write_tiny_vllm(workspace / "models" / "tiny-vllm")


@pytest.fixture(scope="module", autouse=True)
def _forget_pretended():
    """Other tests of this process do not get networks of the pretended device from a cache."""
    yield
    for name, module in list(sys.modules.items()):
        if name.startswith("egoactgen_"):
            for each in list(vars(module).values()):
                if hasattr(each, "cache_clear"):
                    each.cache_clear()
