"""Number formats of a training, and its average's updates."""

from types import SimpleNamespace

import pytest
import torch

from egoactgen_bench.api.tracker_log import TrackerLog
from egoactgen_bench.diffusion.finetuning import training_loop
from egoactgen_bench.diffusion.finetuning.device_precision import choose, tensor_float32
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop, TrainingTask
from egoactgen_bench.diffusion.finetuning.training_options import PRESETS, LoopOptions
from egoactgen_bench.diffusion.finetuning.weight_average import share_of_first, step_decay

STEPS = 20_000


class Line(TrainingTask):
    """A slope that fits y = 3x, and the dtype of its products."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.seen = torch.nn.Linear(1, 1, bias=False), set()

    def __len__(self):
        return 8

    def batch(self, draws):
        return {"x": torch.tensor([[draw.sample / 8] for draw in draws])}

    def forward(self, batch):
        found = self.layer(batch["x"])
        self.seen.add(found.dtype)
        return (found.float() - 3 * batch["x"]).square().mean()


def trained(folder, **options):
    line = Line()
    context = SimpleNamespace(device="cpu", folder=folder, seed=0, progress=False, log=TrackerLog())
    chosen = {"batch_size": 8, "micro_batch": 4, "learning_rate": 0.1, "iterations": 100}
    loop = TrainingLoop(line, LoopOptions(**chosen | options), context)
    loop.run()
    return line, loop


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_training_in_16_bit_learns_with_float32_weights(tmp_path, precision):
    line, loop = trained(tmp_path, precision=precision, ema_decay=0)
    assert line.seen == {getattr(torch, precision)}
    assert line.layer.weight.dtype == torch.float32
    assert line.layer.weight.item() == pytest.approx(3, abs=0.1)
    assert loop.curve.recent() < 0.01


def test_a_step_whose_float16_gradients_overflow_is_skipped_and_the_scale_halved(tmp_path):
    """With the initial scale of 2¹⁶, the gradient exceeds float16's 65,504 in the first step."""
    start = Line().layer.weight
    line, loop = trained(tmp_path / "one", precision="float16", iterations=1)
    assert torch.equal(line.layer.weight, start)
    assert loop.scaler.get_scale() == 2.0**15
    line, loop = trained(tmp_path / "four", precision="float16", iterations=4)
    assert (line.layer.weight > start).all()
    assert loop.scaler.get_scale() in (2.0**14, 2.0**15)


def test_a_float16_training_resumes_with_its_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(
        torch.amp, "GradScaler", lambda kind, enabled: SCALER(kind, 4.0, 2.0, 0.5, 3, enabled)
    )
    whole, _ = trained(tmp_path / "whole", precision="float16", iterations=12)
    step = TrainingLoop._step

    def killed(self, number):
        if number == 8:
            raise KeyboardInterrupt
        return step(self, number)

    options = {"precision": "float16", "iterations": 12, "checkpoint_every": 4}
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(TrainingLoop, "_step", killed)
        trained(tmp_path / "parts", **options)
    parts, loop = trained(tmp_path / "parts", **options)
    assert loop.scaler.get_scale() == 4.0 * 2**4
    assert torch.equal(parts.layer.weight, whole.layer.weight)


SCALER = torch.amp.GradScaler


@pytest.mark.parametrize(
    ("precision", "capabilities"),
    [
        ("float32", [None, (6, 1)]),
        ("float16", [(7, 0), (7, 5)]),
        ("bfloat16", [(8, 0), (8, 9), (9, 0), (12, 0)]),
    ],
)
def test_the_format_follows_from_the_gpu(precision, capabilities):
    assert {choose("auto", capability) for capability in capabilities} == {precision}
    assert {choose("float32", capability) for capability in capabilities} == {"float32"}


def test_tf32_is_used_within_a_training_only(tmp_path, monkeypatch):
    places = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = [place.fp32_precision for place in places]
    found = []
    ran = training_loop.TrainingLoop._run_steps
    monkeypatch.setattr(
        training_loop.TrainingLoop,
        "_run_steps",
        lambda self, progress: (
            found.extend(place.fp32_precision for place in places),
            ran(self, progress),
        ),
    )
    trained(tmp_path, tf32=True, iterations=1)
    assert found == ["tf32", "tf32"]
    assert [place.fp32_precision for place in places] == before
    with pytest.raises(ZeroDivisionError), tensor_float32(True):
        raise ZeroDivisionError
    assert [place.fp32_precision for place in places] == before


def test_the_average_s_decay_per_step_is_that_of_its_micro_batches():
    assert step_decay(0.9999, 10**6, 4) == pytest.approx(0.9999**4)
    assert step_decay(0.9999, 10**6, 4) == pytest.approx(0.9996, abs=1e-6)
    assert step_decay(0.9999, 1, 1) == 2 / 11
    assert step_decay(0.9999, 1, 4) == pytest.approx(2 / 11 * 3 / 12 * 4 / 13 * 5 / 14)
    assert step_decay(0.9999, 89_989) < step_decay(0.9999, 89_990) == 0.9999


def test_the_weight_of_the_first_half_of_a_training_in_its_average():
    """Without the warm-up, 36.8 % or 1.8 %; with it, (1/2)⁹ for any number of updates per step."""
    assert step_decay(0.9999, 10**6) ** (STEPS // 2) == pytest.approx(0.368, abs=1e-3)
    assert step_decay(0.9999, 10**6, 4) ** (STEPS // 2) == pytest.approx(0.018, abs=1e-3)
    released = share_of_first(0.9999, 4 * STEPS // 2, 4 * STEPS)  # one update per micro-batch
    ours = share_of_first(0.9999, STEPS // 2, STEPS, PRESETS["sd15"]["ema_updates"])
    assert ours == pytest.approx(released, rel=1e-9)
    assert share_of_first(0.9999, STEPS // 2, STEPS) == pytest.approx(released, rel=5e-3)
    assert ours == pytest.approx(0.5**9, rel=2e-3)
    # Beyond the warm-up, which ends after 89,990 updates, the number of updates matters.
    late, end = 90_000, 100_000
    assert share_of_first(0.9999, late, end) == pytest.approx(0.368, abs=1e-3)
    assert share_of_first(0.9999, late, end, 4) == pytest.approx(0.018, abs=1e-3)
