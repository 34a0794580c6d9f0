"""Prediction types of UNets, and their conversion to predicted noise."""

import json
from types import SimpleNamespace
from typing import get_args

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler

from egoactgen_bench.diffusion.denoiser import noise_schedule
from egoactgen_bench.diffusion.denoiser.prediction import (
    Prediction,
    predict_noise,
    read_prediction,
    target,
)
from egoactgen_bench.errors import BenchError


def sd(**changed):
    """A scheduler of Stable Diffusion, with changes."""
    schedule = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    return DDIMScheduler(**(schedule | changed))


def drawn(times):
    clean, noise = torch.randn(2, len(times), 4, 3, 3, generator=torch.Generator().manual_seed(0))
    sigma = noise_schedule.sigma_of(times).view(-1, 1, 1, 1)
    return clean, noise, sigma, (clean + sigma * noise) / (sigma**2 + 1).sqrt()


@pytest.mark.parametrize("prediction", get_args(Prediction))
def test_every_prediction_type_is_converted_to_noise(prediction):
    times = torch.tensor([3.0, 400.25, 999.0])
    clean, noise, sigma, noisy = drawn(times)

    class Perfect(torch.nn.Module):
        def forward(self, inputs, time):
            return SimpleNamespace(sample=target(prediction, clean, noise, sigma))

    unet = Perfect()
    predict_noise(unet, prediction)
    predicted = unet(torch.cat([noisy, torch.zeros_like(noisy)], dim=1), times).sample
    torch.testing.assert_close(predicted, noise, rtol=0, atol=2e-4)


def test_times_are_shifted_towards_noise():
    times = torch.arange(1000)
    assert torch.equal(noise_schedule.shifted(times, 1.0), times)
    moved = noise_schedule.shifted(times, 3.0)
    assert moved.tolist() == sorted(moved.tolist())
    assert (moved[0], moved[-1]) == (1, 999)
    assert moved[499] == 749  # 3·½ / (1 + 2·½)


@pytest.mark.parametrize("prediction", get_args(Prediction))
def test_prediction_types_match_diffusers(prediction):
    scheduler = EulerDiscreteScheduler(
        beta_start=noise_schedule.BETA_START,
        beta_end=noise_schedule.BETA_END,
        beta_schedule="scaled_linear",
        prediction_type=prediction,
    )
    scheduler.set_timesteps(1000)
    place = int((scheduler.timesteps == 500).nonzero())
    clean, noise, sigma, _ = drawn(torch.tensor([500.0]))
    scheduler.scale_model_input(noise, scheduler.timesteps[place])
    output = target(prediction, clean, noise, sigma)
    found = scheduler.step(output, scheduler.timesteps[place], clean + sigma * noise)
    torch.testing.assert_close(found.pred_original_sample, clean, rtol=0, atol=1e-3)


def test_time_of_inverts_sigma_of():
    times = torch.tensor([0.0, 0.5, 17.3, 999.0])
    torch.testing.assert_close(
        noise_schedule.time_of(noise_schedule.sigma_of(times)), times, atol=1e-2, rtol=0
    )


def test_unknown_prediction_is_refused(tmp_path):
    (tmp_path / "scheduler").mkdir()
    path = tmp_path / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({"prediction_type": "flow"}))
    with pytest.raises(BenchError, match="unknown prediction_type 'flow', expected epsilon"):
        read_prediction(tmp_path)
    assert read_prediction(tmp_path / "none") == "epsilon"


@pytest.mark.parametrize(
    ("scheduler", "sentence"),
    [
        (DDIMScheduler(), "beta_schedule is 'linear', expected 'scaled_linear'"),
        (sd(rescale_betas_zero_snr=True), "rescale_betas_zero_snr is True, expected False"),
        (sd(beta_end=0.02), r"beta_end is 0\.02, expected 0\.012"),
        (sd(num_train_timesteps=500), "num_train_timesteps is 500"),
        (sd(trained_betas=[0.1] * 1000), "trained_betas is"),
        (FlowMatchEulerDiscreteScheduler(), "FlowMatchEulerDiscreteScheduler is not supported"),
        (sd(prediction_type="flow"), "unknown prediction_type 'flow'"),
    ],
)
def test_weights_of_another_noise_schedule_are_refused(tmp_path, scheduler, sentence):
    scheduler.save_pretrained(tmp_path / "scheduler")
    with pytest.raises(BenchError, match=sentence):
        read_prediction(tmp_path)


def test_what_a_schedule_does_not_state_is_its_class_default(tmp_path):
    sd(clip_sample=True, set_alpha_to_one=False, steps_offset=1).save_pretrained(
        tmp_path / "scheduler"
    )
    assert read_prediction(tmp_path) == "epsilon"
    path = tmp_path / "scheduler" / "scheduler_config.json"
    path.write_text('{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012}')
    with pytest.raises(BenchError, match="beta_schedule is 'linear'"):
        read_prediction(tmp_path)
    path.write_text('{"prediction_type": "v_prediction"}')
    assert read_prediction(tmp_path) == "v_prediction"
    for text in ("[]", "null", '{"prediction_type": ["epsilon"]}', '{"_class_name": 3'):
        path.write_text(text)
        with pytest.raises(BenchError):
            read_prediction(tmp_path)
