"""The contract of registered methods: order, batches, shards and resuming change nothing.

`plugin_calls.METHODS` has arguments of the methods that need them. A method that cannot be built
fails, unless `contract_exceptions` names it.
"""

import pytest

import method_contract
from contract_exceptions import built
from drawn_split import write_drawn_split
from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.stages.run import run_method
from plugin_calls import METHODS, SAMPLES


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return load_split(write_drawn_split(tmp_path_factory.mktemp("split") / "drawn-val", SAMPLES))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(params=sorted(plugins.registered("methods")))
def call(request, split, models, tmp_path):
    """Arguments of `run_method.prepare` for one method; its own options are the defaults."""
    name = request.param
    arguments = {"method": name, "models": models, "device": "cpu"}

    def build():
        needed = METHODS[name](tmp_path / "needs") if name in METHODS else {}
        run_method.prepare(split=split, folder=tmp_path / "none", **(arguments | needed))
        return arguments | needed

    return built("methods", name, build)


def test_every_image_is_8_bit_rgb_and_repeats(call, split, tmp_path):
    method_contract.check_images_repeat(call, split, tmp_path)


def test_order_and_earlier_calls_do_not_change_images(call, split, tmp_path):
    method_contract.check_order(call, split, tmp_path)


def test_batch_size_changes_pixels_by_at_most_one_level(call, split, tmp_path):
    method_contract.check_batch_size(call, split, tmp_path)


def test_shards_and_resuming_do_not_change_a_byte(call, split, tmp_path):
    method_contract.check_shards(call, split, tmp_path)
