"""The plan of a training: parameters, memory and time, by arithmetic and without weights."""

from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderKL
from torch import nn

from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.diffusion.finetuning import autoencoder_training, starting_networks
from egoactgen_bench.diffusion.finetuning.denoiser_costs import SMALLER, measure, planned
from egoactgen_bench.diffusion.finetuning.full_size_networks import (
    STABLE_DIFFUSION,
    configurations,
)
from egoactgen_bench.diffusion.finetuning.step_measurement import activation_bytes
from egoactgen_bench.diffusion.finetuning.training_options import SD15, FinetuningOptions
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.training_costs import (
    CARDS,
    GB,
    Memory,
    TrainingPlan,
    card_of,
    estimated_hours,
    largest_fitting,
)
from egoactgen_lego.generator.vllm_conditioning import Conditioner

SAMPLES = 85_300  # of Ego4D, as derived in results/published


def lego(width):
    conditioner = Conditioner("joint", width=width)
    return conditioner, conditioner.feature_sizes


@pytest.fixture(scope="module")
def full_size():
    """LEGO's training from Stable Diffusion 1.5."""
    return measure(STABLE_DIFFUSION, 2, lego, FinetuningOptions(**SD15))


def test_the_full_size_networks_have_the_published_numbers_of_parameters(full_size):
    """Stable Diffusion 1.5: 859.52 and 123.06 million; the UNet's input widened by 4 channels."""
    unet = 859_520_964 + 320 * 4 * 9
    sigma_and_mu = 2 * (5120 * 768 + 768)
    pi = 2 * (4 * 768 * 769 + 2 * 768 * 2048 + 2048 + 768 + 4 * 768)
    assert full_size.trainable == unet + sigma_and_mu + pi
    assert full_size.frozen == 123_060_480


def test_the_memory_at_full_size_by_part(full_size):
    memory = full_size.memory(32, 1)
    trained = full_size.trainable * 4
    assert memory.weights == trained + full_size.frozen * 4
    assert (memory.gradients, memory.average, memory.exchange) == (trained, trained, 0)
    assert memory.optimizer == 2 * trained
    assert full_size.memory(32, 8).exchange == trained
    # 32 samples: casts to 16 bits, and each block's input. A frame's features are 7 MB.
    assert memory.activations == pytest.approx(2 * full_size.trainable + 32 * 74e6, rel=0.02)
    assert memory.total / GB == pytest.approx(23.7, abs=0.1)


@pytest.mark.parametrize(
    ("card", "options", "processes", "size"),
    [
        (24, {}, 1, 32),
        (24, {}, 8, None),
        (24, {"optimizer": "adamw8bit"}, 8, 32),
        (40, {}, 8, 32),
        (40, {"micro_batch": 256}, 8, 128),
        (80, {"micro_batch": 128}, 8, 128),
        (16, {"optimizer": "adamw8bit"}, 1, None),
    ],
)
def test_a_micro_batch_that_fits_the_card(full_size, card, options, processes, size):
    """The effective batch stays that of the paper."""
    chosen = FinetuningOptions(**SD15 | {"memory": card} | options)
    costs = type(full_size)(**vars(full_size) | {"options": chosen})
    plan = planned(costs, "", SAMPLES, processes)
    rounds = plan.batch_size / plan.micro_batch / processes
    assert plan.batch_size == 1024
    assert rounds == int(rounds)
    if size is None:
        assert plan.micro_batch == 1
        with pytest.raises(BenchError, match="GB: use -o optimizer=adamw8bit"):
            plan.require(card * GB, "-o memory allows", SMALLER)
    else:
        assert plan.micro_batch == size
        plan.require(card * GB, "-o memory allows", "")


def test_samples_epochs_and_hours_are_those_of_the_paper_s_configuration(full_size):
    plan = planned(full_size, "", SAMPLES, 8)
    assert plan.seen == 20_000 * 1024
    assert plan.epochs == pytest.approx(240, abs=0.2)
    # docs/lego.md: 20,000 · 1,024 · 4 · 0.197 · 10¹² operations at 100 · 10¹² per second.
    assert full_size.operations == pytest.approx(4 * 0.197e12, rel=0.05)
    assert plan.gpu_hours(CARDS["A100"]) == pytest.approx(45, rel=0.05)
    lines = plan.lines("NVIDIA A100-SXM4-80GB")
    assert any("on 8 × A100" in line for line in lines)


def test_the_activations_are_those_that_pytorch_keeps():
    """Two linear layers: the first's output is kept for the second and for the ReLU, in float32."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 1))
    images = torch.zeros(100, 64)
    found = activation_bytes(lambda: network(images).mean(), network.parameters(), None)
    hidden = 100 * 512 * 4
    assert 2 * hidden <= found <= 4 * hidden + 4 * 64 * 512 + 10_000
    assert all(weight.grad is None for weight in network.parameters())


def test_cards_are_known_by_what_pytorch_calls_them():
    names = {
        "NVIDIA A100-SXM4-40GB": "A100",
        "NVIDIA H100 80GB HBM3": "H100",
        "NVIDIA GeForce RTX 4090": "RTX 4090",
        "NVIDIA A10": "A10",
        "NVIDIA RTX A6000": "A6000",
        "Tesla V100-SXM2-16GB": "V100",
        "NVIDIA L40S": "L40S",
        "cpu": None,
    }
    assert {name: card_of(name) for name in names} == names


def test_arithmetic():
    memory = Memory(weights=4, gradients=3, optimizer=8, activations=2, reserve=1)
    assert memory.total == 18

    def of(size):
        return Memory(size * GB, 0, 0, reserve=0)

    assert largest_fitting(32, 128, of, 20) == 16
    assert largest_fitting(32, 96, of, 24) == 24
    assert largest_fitting(32, 128, of, None) == 32
    assert largest_fitting(32, 128, of, 0.5) == 1
    plan = TrainingPlan("", 1, 0, memory, 10, 8, 2, 2, 40, 1e12, "float32")
    assert (plan.seen, plan.epochs) == (80, 2)
    assert plan.gpu_hours(100) == pytest.approx(80 * 4 / (100 / 3) / 3600)
    long = replace(plan, steps=10_000_000_000)
    each = long.gpu_hours(CARDS["H200"]) / 2
    assert f": {4 * each:,.1f} on 2 × H200" in estimated_hours([long] * 4, "NVIDIA H200")
    plan.require(18, "", "")
    with pytest.raises(BenchError):
        plan.require(17.9, "", "")


@pytest.mark.parametrize("size", [64, 128])
def test_small_networks_are_planned_as_they_are_built(tmp_path, size):
    vae = AutoencoderKL(**autoencoder_training.VAE, sample_size=size)
    built = starting_networks.from_scratch(vae, 2, size, 0, "sample")
    unet, text = configurations("scratch", tmp_path, None, size).build(2, size)
    assert unet.num_parameters() == built.unet.num_parameters()
    assert unet.config.block_out_channels == built.unet.config.block_out_channels
    assert text.num_parameters() == built.text_encoder.num_parameters()


def test_a_text_encoder_and_low_rank_updates_count_as_trained(tmp_path):
    small = configurations("scratch", tmp_path, None, 64)
    found = {}
    for name, change in {"unet": {}, "text": {"train_text": True}, "lora": {"lora": 2}}.items():
        options = FinetuningOptions(size=64, **change)
        found[name] = measure(small, 2, lambda width: (TextConditioner(), {}), options)
    assert found["text"].frozen == 0
    assert found["text"].trainable == found["unet"].trainable + found["unet"].frozen
    assert found["lora"].trainable < 0.1 * found["unet"].trainable
    assert found["lora"].frozen == pytest.approx(found["text"].trainable, rel=0.05)
