"""Batches made by worker processes: those of one thread, in their order, with its errors."""

import os
import sys

import pytest
import torch

from egoactgen_bench.diffusion.finetuning import batch_loading
from egoactgen_bench.diffusion.finetuning.batch_loading import (
    in_thread,
    in_workers,
    worker_count,
)
from egoactgen_bench.diffusion.finetuning.denoising_samples import stacked
from egoactgen_bench.diffusion.finetuning.sample_draws import sample_draws
from egoactgen_bench.errors import BenchError

# Functions for other processes must be in an importable module, which this one is not there.
HELPER = """
import os
import signal
from dataclasses import dataclass

import torch

from egoactgen_bench.errors import BenchError

BAD = "Sample s1 is bad."
FULL = "unable to allocate shared memory(shm) for file </torch_1_0>: No space left on device (28)"


@dataclass(frozen=True)
class Make:
    seed: int
    fails: str = ""

    def __call__(self, draws):
        numbers = [torch.rand(3, generator=d.generator(self.seed, f"s{d.sample}")) for d in draws]
        if self.fails and any(draw.step == 2 for draw in draws):
            if self.fails == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            errors = {"bench": BenchError, "full": RuntimeError}
            raise errors.get(self.fails, ArithmeticError)(FULL if self.fails == "full" else BAD)
        return {"values": torch.stack(numbers), "process": torch.tensor(os.getpid())}
"""


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """`Make`, importable by other processes."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "loaded_by_workers.py").write_text(HELPER)
    sys.path.insert(0, str(folder))
    from loaded_by_workers import Make

    yield Make
    sys.path.remove(str(folder))


def draws(steps=6):
    return [list(sample_draws(3, step, range(step * 4, step * 4 + 4), 7)) for step in range(steps)]


def test_any_number_of_workers_makes_the_batches_of_one_thread(make):
    here = list(in_thread(make(1), draws(), pinned=False))
    for workers in (1, 2):
        made = list(in_workers(make(1), draws(), workers, pinned=False))
        processes = {int(batch["process"]) for batch in made}
        assert len(processes) <= workers and os.getpid() not in processes
        for one, other in zip(here, made, strict=True):
            assert torch.equal(one["values"], other["values"])


def test_errors_of_workers_are_those_of_their_batches(make):
    loaded = in_workers(make(1, "bench"), draws(), 1, pinned=False)
    assert len([next(loaded), next(loaded)]) == 2
    with pytest.raises(BenchError, match=r"^Sample s1 is bad\.$"):
        next(loaded)
    with pytest.raises(ArithmeticError, match="s1 is bad"):
        list(in_workers(make(1, "other"), draws(), 1, pinned=False))


def test_the_death_of_a_worker_is_one_sentence(make):
    for _ in range(5):  # before, while and after the batches of the dead worker are received
        with pytest.raises(BenchError, match=r"has ended: with too little shared memory .* wor"):
            list(in_workers(make(1, "killed"), draws(), 1, pinned=False))


def test_too_little_shared_memory_is_one_sentence(make):
    with pytest.raises(BenchError, match=r"too little shared memory .* workers=0"):
        list(in_workers(make(1, "full"), draws(), 1, pinned=False))


def test_workers_end_with_the_loop(make):
    loaded = in_workers(make(1), draws(), 2, pinned=False)
    worker = int(next(loaded)["process"])
    loaded.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_workers_by_default(monkeypatch):
    """None on the CPU; on GPUs, the node's cores are divided among its processes."""
    monkeypatch.setattr(batch_loading.os, "sched_getaffinity", lambda _: range(32))
    assert [worker_count(None, device) for device in ("cpu", "cuda:0")] == [0, 8]
    assert worker_count(3, "cpu") == 3
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert worker_count(None, "cuda:7") == 4


def test_samples_of_different_types_are_stacked_as_float32():
    half, brain = torch.ones(2, dtype=torch.float16), torch.ones(2, dtype=torch.bfloat16)
    assert stacked([half, half]).dtype == torch.float16
    assert stacked([half, brain]).dtype == torch.float32
