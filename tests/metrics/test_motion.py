"""The metric `motion`: its formula on known flows, and RAFT against torchvision's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.models.optical_flow import Raft_Large_Weights, raft_large

from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.measurement.checked_rows import checked_rows
from egoactgen_bench.metrics import flow_network
from egoactgen_bench.metrics.flow_agreement import RAFT, Motion, motion_agreement
from egoactgen_bench.metrics.flow_network import FlowNetwork, load_flow

Flow = NDArray[np.float32]


def drawn(seed: int, size: tuple[int, int] = (136, 128)) -> Image.Image:
    """A smooth image."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def some_flow(seed: int = 0) -> Flow:
    return np.random.default_rng(seed).normal(size=(2, 12, 16)).astype(np.float32)


def turned(flow: Flow, degrees: float) -> Flow:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.stack([cosine * flow[0] - sine * flow[1], sine * flow[0] + cosine * flow[1]])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda flow: flow, 1),
        (lambda flow: 0 * flow, 0),
        (lambda flow: 0.5 * flow, 0.8),
        (lambda flow: 2 * flow, 0.8),
        (lambda flow: 5 * flow, 5 / 13),
        (lambda flow: -flow, -1),
        (lambda flow: turned(flow, 60), 0.5),
        (lambda flow: turned(flow, 90), 0),
    ],
    ids=["equal", "none", "half", "double", "fivefold", "opposite", "60°", "orthogonal"],
)
def test_motion_of_changed_flows(change: Callable[[Flow], Flow], expected: float) -> None:
    flow = some_flow()
    assert motion_agreement(change(flow), flow) == pytest.approx(expected, abs=1e-6)
    assert motion_agreement(100 * change(flow), 100 * flow) == pytest.approx(expected, abs=1e-6)


def test_each_part_counts_by_its_squared_length() -> None:
    """A hand that moves 9 pixels in a tenth of the frame, and a camera that moves 3."""
    true = np.zeros((2, 10, 10), np.float32)
    true[0], true[:, :2, :5] = 3, [[[0]], [[9]]]
    hand, camera = true.copy(), true.copy()
    hand[:, 2:], hand[:, :, 5:] = 0, 0
    camera[:, :2, :5] = 0
    moved = {"hand": 10 * 81, "camera": 90 * 9}
    assert motion_agreement(hand, true) == pytest.approx(2 * 810 / (810 + sum(moved.values())))
    assert motion_agreement(camera, true) == pytest.approx(2 * 810 / (810 + sum(moved.values())))


def test_a_constant_shift_lowers_the_agreement() -> None:
    true = np.stack([np.full((8, 8), 3.0), np.full((8, 8), 4.0)]).astype(np.float32)
    shifted = true + np.array([-4, 3], np.float32)[:, None, None]  # at a right angle, as long
    assert motion_agreement(shifted, true) == pytest.approx(2 * 25 / (25 + 50))
    assert motion_agreement(true, shifted) == motion_agreement(shifted, true)


@pytest.mark.parametrize("length", [0.1, 1, 20])
def test_random_directions_score_as_no_motion(length: float) -> None:
    true = np.stack([np.ones((64, 64)), np.zeros((64, 64))]).astype(np.float32)
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (64, 64))
    unit = np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    assert motion_agreement(length * unit, true) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_formula_agrees_with_complex_numbers(seed: int) -> None:
    true, found = some_flow(seed), some_flow(seed + 10) + some_flow(seed)
    f, g = (flow[0].ravel() + 1j * flow[1].ravel() for flow in (true, found))
    error, most = sum(abs(g - f) ** 2), sum(abs(f) ** 2) + sum(abs(g) ** 2)
    assert motion_agreement(found, true) == pytest.approx(1 - error / most, rel=1e-5)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """torchvision's `raft_large` with seeded weights, under its published name."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / RAFT.name
    torch.save(raft_large(weights=None).state_dict(), path)
    return path


def by_torchvision(weights: Path, *frames: Image.Image) -> Flow:
    """The flow as torchvision's documentation computes it."""
    network = raft_large(weights=None)
    network.load_state_dict(torch.load(weights))
    pair = Raft_Large_Weights.C_T_SKHT_V2.transforms()(*frames)
    with torch.inference_mode():
        flows = network.eval()(*(frame[None] for frame in pair))
    return flows[-1][0].numpy()


def test_flow_agrees_with_torchvision(large: Path) -> None:
    first, second = drawn(0), drawn(1)
    expected = by_torchvision(large, first, second)
    found = load_flow(large).flow(first, second)
    np.testing.assert_array_equal(found, expected)
    assert np.abs(expected).max() > 0.1
    metric = Motion(Options(), MetricContext(large.parent))
    value = metric.measure(Batch({"input": [first], "target": [second], "output": [drawn(2)]}))
    other = by_torchvision(large, first, drawn(2))
    assert value[0][0] == motion_agreement(other, expected)


def test_the_published_file_is_torchvisions() -> None:
    weights = Raft_Large_Weights.DEFAULT
    assert weights.url == RAFT.url
    assert RAFT.sha256 is not None and RAFT.name.endswith(f"-{RAFT.sha256[:8]}.pth")
    assert RAFT.size == pytest.approx(weights.meta["_file_size"] * 2**20, rel=1e-4)


@pytest.fixture
def small(small_weights: Path) -> FlowNetwork:
    return load_flow(small_weights / RAFT.name)


@pytest.mark.parametrize(
    ("size", "working"),
    [
        ((456, 256), (456, 256)),
        ((342, 256), (342, 256)),
        ((64, 64), (128, 128)),
        ((96, 48), (256, 128)),
        ((1920, 1080), (455, 256)),
        ((300, 400), (256, 341)),
    ],
)
def test_working_sizes(size: tuple[int, int], working: tuple[int, int]) -> None:
    network = FlowNetwork(torch.nn.Identity(), flow_network.RAFT_LARGE, "cpu")
    assert network.working_size(size) == working


def test_flow_is_in_pixels_of_the_frames(small: FlowNetwork) -> None:
    """A frame enlarged by 2 has the same working size, and flows twice as long."""
    tiny = [drawn(seed, (64, 64)) for seed in (0, 1)]
    enlarged = [frame.resize((128, 128), Image.Resampling.LANCZOS) for frame in tiny]
    np.testing.assert_array_equal(2 * small.flow(*tiny), small.flow(*enlarged))
    assert small.flow(drawn(0, (131, 141)), drawn(1, (131, 141))).shape == (2, 138, 128)


def test_equal_frames_have_no_flow(small: FlowNetwork) -> None:
    found = small.flow(drawn(0), drawn(0))
    assert found.shape == (2, 128, 136)
    assert not found.any()


@pytest.mark.parametrize("change", ["missing", "unknown", "width"])
def test_weights_are_loaded_strictly(large: Path, tmp_path: Path, change: str) -> None:
    state: dict[str, Any] = torch.load(large)
    if change == "missing":
        del state["update_block.flow_head.conv2.bias"]
    elif change == "unknown":
        state["extra"] = torch.zeros(1)
    else:
        state[flow_network.STEM] = torch.zeros(32, 3, 7, 7)
    torch.save(state, tmp_path / RAFT.name)
    with pytest.raises(BenchError, match="does not fit RAFT"):
        load_flow(tmp_path / RAFT.name)


@pytest.fixture
def motion(small_weights: Path) -> Motion:
    return Motion(Options(), MetricContext(small_weights))


def items(count: int) -> dict[Any, list[Any]]:
    return {
        "input": [drawn(seed) for seed in range(count)],
        "target": [drawn(100 + seed) for seed in range(count)],
        "output": [drawn(200 + seed) for seed in range(count)],
    }


def test_copy_and_target(motion: Motion) -> None:
    both = items(2)
    copied = motion.measure(Batch({**both, "output": both["input"]}))
    true = motion.measure(Batch({**both, "output": both["target"]}))
    np.testing.assert_array_equal(copied, [[0], [0]])
    np.testing.assert_array_equal(true, [[1], [1]])


def test_values_do_not_depend_on_the_batch_to_the_last_bit(motion: Motion) -> None:
    batch = Batch(items(3))
    together = motion.measure(batch)
    alone = [motion.measure(batch.single(number))[0] for number in range(3)]
    np.testing.assert_array_equal(together, alone)


def test_true_flows_are_computed_once_for_all_runs(
    motion: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Image.Image] = []
    flow = FlowNetwork.flow

    def counting(self: FlowNetwork, first: Image.Image, second: Image.Image) -> Flow:
        calls.append(second)
        return flow(self, first, second)

    monkeypatch.setattr(FlowNetwork, "flow", counting)
    both, across = items(2), {}
    motion.measure(Batch(both, None, across))
    motion.measure(Batch({**both, "output": both["target"]}, None, across))
    assert len(calls) == 2 + 2 + 2


def test_samples_without_motion_are_missing(motion: Motion) -> None:
    both = items(3)
    both["target"][1] = both["input"][1]
    both["input"][2] = both["target"][2] = both["output"][2] = drawn(0, (640, 128))
    first, second, third = checked_rows(motion, Batch(both))
    assert isinstance(first, np.ndarray)
    assert isinstance(second, SampleError) and second.code == "no_motion"
    assert isinstance(third, SampleError) and third.code == "unsupported_shape"


def test_frames_are_resized_to_the_target(motion: Motion) -> None:
    frames: Any = {
        "input": [drawn(0).resize((68, 64))],
        "target": [drawn(1)],
        "output": [drawn(0).resize((68, 64))],
    }
    assert motion.measure(Batch(frames))[0][0] == 0
