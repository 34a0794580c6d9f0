"""The VLLM's tuning compared with the authors' batches and losses; its schedule."""

import json
import shutil

import numpy as np
import pytest
import torch

from egoactgen_bench.weights.conversion import convert
from egoactgen_lego.vllm.answer_supervision import IGNORED
from egoactgen_lego.vllm.instructions import read_instructions
from egoactgen_lego.vllm.prompting import PLACEHOLDER
from egoactgen_lego.vllm.tuning_loop import TuningOptions, schedule
from egoactgen_lego.vllm.vllm_model import load
from vllm_loss import batch_and_loss

FRAMES = ("frame_000_384x288.png", "frame_030_456x256.png")


@pytest.fixture(scope="module")
def golden(shared, tmp_path_factory):
    folder = shared / "golden" / "vllm"
    place = tmp_path_factory.mktemp("golden")
    vllm = load(convert(folder / "tiny_vllm", place / "converted"), "cpu", torch.float32)
    train = json.loads((folder / "golden.json").read_text())["train"]
    for entry, frame in zip(train["data_json"], FRAMES, strict=True):
        image = place / entry["image"]
        image.parent.mkdir(parents=True)
        shutil.copyfile(shared / "golden" / "frames" / frame, image)
    (place / "data.json").write_text(json.dumps(train["data_json"]))
    instructions = read_instructions(place / "data.json", place)
    return vllm, instructions, train, np.load(folder / "golden.npz")


def test_the_authors_training_batch(golden):
    vllm, instructions, _, arrays = golden
    batch, _ = batch_and_loss(vllm, instructions)
    assert np.array_equal(batch["pixel_values"], arrays["train/images"])
    for row in range(2):
        ids = arrays["train/input_ids"][row][arrays["train/attention_mask"][row]]
        labels = arrays["train/labels"][row][: len(ids)]
        place = int((ids == PLACEHOLDER).argmax())
        length = int(batch["attention_mask"][row].sum())
        assert length == len(ids) - 1 + vllm.patches
        image = slice(place, place + vllm.patches)
        for found, expected, filled in (
            (batch["input_ids"][row], ids, vllm.words),
            (batch["labels"][row], labels, IGNORED),
        ):
            assert set(found[image].tolist()) == {filled}
            rest = np.delete(found[:length].numpy(), np.r_[image])
            assert np.array_equal(rest, np.delete(expected, place))
        assert (batch["labels"][row, length:] == IGNORED).all()


def test_the_authors_losses(golden):
    vllm, instructions, train, _ = golden
    assert batch_and_loss(vllm, instructions)[1] == pytest.approx(
        train["loss_batch_of_2"], abs=1e-5
    )
    for one, expected in zip(instructions, train["loss_each_alone"], strict=True):
        assert batch_and_loss(vllm, [one])[1] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.03), (7, 0.5), (3, 0)])
def test_the_learning_rate_rises_then_falls_as_a_cosine(steps, warmup):
    """In closed form, with the warm-up rounded up to whole steps; the same after resuming."""
    options = TuningOptions(warmup=warmup)
    warm = int(np.ceil(warmup * steps))
    whole = rates(options, steps, 0)
    for step, rate in enumerate(whole):
        done = (step - warm) / (steps - warm)
        share = step / warm if step < warm else (1 + np.cos(np.pi * done)) / 2
        assert rate == pytest.approx(2e-5 * share, rel=1e-12, abs=1e-20)
    for done in range(steps):
        assert rates(options, steps, done) == whole[done:]


def rates(options, steps, done):
    """The learning rates of the steps after `done`, with an optimizer whose rate differs."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    found, rate = [], schedule(optimizer, options, steps, done)
    for _ in range(done, steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rate.step()
    return found
