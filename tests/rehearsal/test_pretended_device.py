"""The pretended device finds planted faults, and computes what the CPU does."""

import importlib
from contextlib import suppress

import pytest
import torch
from torch import nn

from inner_loops import check, in_loop
from listed_transfers import IN_LOOPS
from pretended_cuda import Place, pretended_cuda


class Shifted(nn.Module):
    """A layer whose `forward` creates a tensor on the CPU if `fault`."""

    def __init__(self, fault: bool) -> None:
        super().__init__()
        self.linear, self.fault = nn.Linear(4, 4), fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shift = torch.ones(4, device="cpu" if self.fault else x.device)
        return self.linear(x) + shift


def descend(steps: int, fault: str = "") -> torch.Tensor:
    """A training; with a `fault`, it reads each loss."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        device = "cuda:0" if torch.cuda.is_available() else "cpu"
        network = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1)).to(device)
        images = torch.randn(16, 4).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    for _ in range(steps):
        loss = (network(images) - images[:, :1]).square().mean()
        if fault == "item":
            loss.item()
        if fault == "condition" and loss > 1e6:
            break
        if fault == "mask":
            images[images[:, 0] > 0].sum()
        if fault == "print":
            str(loss.detach().tolist())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach().cpu()


def test_a_tensor_on_the_cpu_is_found():
    with pretended_cuda() as transfers:
        layer, x = Shifted(fault=True).to("cuda:0"), torch.ones(2, 4, device="cuda:0")
        with pytest.raises(RuntimeError, match=r"same device.*tests/rehearsal/test_pretended_dev"):
            layer(x)
        assert Place("mixture", f"{__name__}.Shifted.forward") in transfers.counts()
        assert Shifted(fault=False).to("cuda:0")(x).device.type == "cuda"


@pytest.mark.parametrize("fault", ["item", "condition", "mask", "print"])
def test_a_read_in_each_step_is_found(fault):
    found = in_loop(lambda steps: descend(steps, fault))
    assert list(found) == [Place("read", f"{__name__}.descend")]
    with pytest.raises(AssertionError, match=r"rehearsal/test_pretended_device.py:\d+ \("):
        check(found)
    check(found, {("read", f"{__name__}.descend", ""): "planted"})


def test_a_loop_without_transfers_has_none():
    assert in_loop(descend) == {}


def test_values_and_gradients_are_those_of_the_cpu():
    with pretended_cuda():
        pretended = descend(5)
    assert torch.equal(pretended, descend(5))
    assert not torch.cuda.is_available() or torch.cuda.get_device_name() != "pretended"


@pytest.mark.parametrize(
    "operation",
    [
        lambda gpu, cpu: torch.cat([gpu, cpu]),
        lambda gpu, cpu: gpu @ cpu,
        lambda gpu, cpu: gpu.index_select(0, cpu[:1].long()),
        lambda gpu, cpu: cpu[gpu.long()],
        lambda gpu, cpu: torch.stack([gpu.sum(), cpu.sum()]),
        lambda gpu, cpu: nn.functional.embedding(cpu.long(), gpu[:, None]),
        lambda gpu, cpu: gpu.numpy(),
    ],
)
def test_what_fails_on_a_gpu_fails(operation):
    with pretended_cuda(), pytest.raises((RuntimeError, TypeError), match="device"):
        operation(torch.ones(3, device="cuda:0"), torch.ones(3))


def test_what_works_on_a_gpu_works():
    with pretended_cuda() as transfers:
        gpu, number = torch.arange(3.0, device="cuda:0"), torch.tensor(2.0)
        assert (gpu * number).device == gpu.device
        assert torch.where(gpu > 1, gpu, number).tolist() == [2, 2, 2]
        gpu[1:] += 1
        gpu.copy_(gpu.cpu() + 1)
        assert gpu.tolist() == [1, 3, 4]
        assert gpu[torch.tensor([0, 2])].cpu().tolist() == [1, 4]
    kinds = [place.kind for place, _ in transfers.found]
    assert kinds == ["read", "read", "upload", "read", "upload", "read"]


@pytest.mark.parametrize("function", sorted({function for _, function, _ in IN_LOOPS}))
def test_listed_functions_exist(function):
    """Remove the entry of a function that is gone."""
    parts = function.split(".")
    for end in range(len(parts) - 1, 0, -1):
        with suppress(ModuleNotFoundError):
            module = importlib.import_module(".".join(parts[:end]))
            # What is inside of a function cannot be looked up, but the function can.
            assert hasattr(module, parts[end])
            return
    pytest.fail(f"no module of {function}")
