"""The plan of a tuning at full size, from the published configurations, without weights."""

import pytest

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import training_costs
from egoactgen_bench.support.training_costs import GB, require_memory
from egoactgen_lego.vllm.tuning_costs import SMALLER, Launch, plan_of
from egoactgen_lego.vllm.tuning_loop import TuningOptions
from full_size_llava import config

COUNT = 10_000


def plan(size, processes, sharded, **options):
    return plan_of(config(size), TuningOptions(**options), COUNT, Launch(processes, sharded))


@pytest.mark.parametrize(("size", "language"), [("7B", 6_738_415_616), ("13B", 13_015_864_320)])
def test_full_tuning_takes_16_bytes_per_parameter_over_all_devices(size, language):
    """Llama 2's published numbers of parameters; the rest is the projector."""
    found = plan(size, 8, True)
    assert language < found.trainable < language + 50e6
    assert found.frozen == pytest.approx(303e6, rel=0.01)  # CLIP ViT-L/14's vision tower
    memory = found.memory
    states = 8 * (memory.weights + memory.gradients + memory.optimizer)
    assert states == pytest.approx(16 * found.trainable + 4 * found.frozen)
    assert found.steps == 235  # 3 epochs of 128 instructions per step


@pytest.mark.parametrize(
    ("size", "processes", "sharded", "options", "card"),
    [
        ("13B", 8, True, {}, 80),  # docs/lego.md
        ("7B", 8, True, {}, 80),
        ("7B", 8, True, {"micro_batch": 2}, 24),
        ("7B", 8, True, {"memory": 24}, 24),
        ("7B", 1, False, {"lora_rank": 128, "micro_batch": 4}, 40),
        ("13B", 1, False, {"lora_rank": 128, "micro_batch": 8}, 80),
    ],
)
def test_documented_hardware_suffices(size, processes, sharded, options, card):
    assert plan(size, processes, sharded, **options).memory.total < card * GB


def test_a_card_alone_does_not_hold_a_full_tuning():
    assert plan("13B", 1, False).memory.total > 200 * GB
    assert plan("7B", 8, False).memory.total > 80 * GB


def test_the_operations_are_those_of_the_guide():
    """450 tokens · 8 · 13 · 10⁹: forward 2, backward 4, recomputed 2."""
    assert plan("13B", 8, True).operations == pytest.approx(450 * 8 * 13e9, rel=0.01)
    assert plan("13B", 8, True).gpu_hours(312) == pytest.approx(4, rel=0.1)


def test_a_lower_micro_batch_fits_a_smaller_card():
    """The effective batch stays that of the paper."""
    options = {"lora_rank": 128, "memory": 40}
    found = plan("7B", 1, False, **options)
    assert found.memory.total < 40 * GB
    assert (found.batch_size, found.micro_batch) == (128, 16)
    found = plan("13B", 1, False, **options)
    assert (found.memory.total < 40 * GB, found.micro_batch) == (True, 2)
    assert plan("13B", 1, False, lora_rank=128, micro_batch=4).memory.total > 40 * GB
    with pytest.raises(BenchError, match="with 1 samples at a time, but -o memory allows 80"):
        require_memory(plan("13B", 1, False, memory=80), "cpu", 80, SMALLER)


def test_what_is_offloaded_takes_no_memory_of_a_device(monkeypatch):
    """As accelerate's launcher passes zero3.yaml to each process."""
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    for part in ("PARAM", "OPTIMIZER"):
        monkeypatch.setenv(f"ACCELERATE_DEEPSPEED_OFFLOAD_{part}_DEVICE", "cpu")
    launch = Launch.of_process(8)
    assert launch == Launch(8, True, True, True)
    memory = plan_of(config("13B"), TuningOptions(), COUNT, launch).memory
    assert (memory.weights, memory.gradients, memory.optimizer) == (0, 0, 0)
    assert memory.activations == plan("13B", 8, True).memory.activations


def test_the_free_memory_of_a_gpu_is_the_limit_by_default(monkeypatch):
    monkeypatch.setattr(training_costs, "free_bytes", lambda device: 24e9)
    adapters = plan("7B", 1, False, lora_rank=128)
    with pytest.raises(BenchError, match=r"cuda:0 has free 24\.0 GB: -o memory=24 lowers micro_b"):
        require_memory(adapters, "cuda:0", None, SMALLER)
    whole = plan("7B", 1, False, micro_batch=1)
    with pytest.raises(BenchError, match=r"24\.0 GB: divide the model among several GPUs"):
        require_memory(whole, "cuda:0", None, SMALLER)
    require_memory(whole, "cpu", None, SMALLER)
