"""SDEdit: compared with diffusers' image-to-image pipeline; each option; errors."""

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionImg2ImgPipeline
from PIL import Image

from egoactgen_baselines.sdedit import SDEdit, SDEditOptions
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.errors import BenchError, SampleError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return untrained_weights.folder(
        tmp_path_factory.mktemp("models"), untrained_weights.TEXT_TO_IMAGE
    )


def request(number=0, description="a hand opens the drawer"):
    drawn = np.random.default_rng(number).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    frame = Image.fromarray(drawn).resize((96, 64), Image.Resampling.BICUBIC)
    return Request(f"s_{number}", frame, "open drawer", description, number)


def sdedit(weights, described=True, **options):
    return SDEdit(
        SDEditOptions(**({"steps": 6} | options)), MethodContext(weights, described=described)
    )


def pixels(method, *requests):
    return np.stack([np.asarray(image).astype(int) for image in method.generate(requests)])


def test_latents_equal_those_of_diffusers_image_to_image(weights):
    method, sample = sdedit(weights, strength=0.67, guidance=4.0), request()
    latent = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(9))
    model = method.model
    pipeline = StableDiffusionImg2ImgPipeline(
        model.vae,
        model.text_encoder,
        model.tokenizer,
        model.unet,
        EulerAncestralDiscreteScheduler.from_pretrained(weights / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        "open drawer",
        latent,
        strength=0.67,
        num_inference_steps=6,
        guidance_scale=4.0,
        generator=[torch.Generator().manual_seed(sample.seed)],
        output_type="latent",
    ).images
    with torch.inference_mode():
        found = method.edit(latent, [sample])
    assert torch.allclose(found, expected, atol=2e-4 * float(expected.abs().max()))


def test_strength_zero_keeps_the_latent(weights):
    method = sdedit(weights, strength=0)
    latent = torch.randn(1, 4, 16, 16)
    assert torch.equal(method.edit(latent, [request()]), latent)


@pytest.mark.parametrize(
    "change",
    [
        {"strength": 0.34},
        {"steps": 7},
        {"guidance": 1.0},
        {"prompt": "description"},
        {"postprocess": "released"},
    ],
    ids=str,
)
def test_each_option_changes_the_image(weights, change):
    before, after = sdedit(weights), sdedit(weights, **change)
    one, other = (method.generate([request()])[0] for method in (before, after))
    assert one.size != other.size or np.abs(pixels(before, request()) - np.asarray(other)).max() > 1


def test_invalid_options_and_weights_are_refused(weights, tmp_path):
    with pytest.raises(BenchError, match="prompt=description needs descriptions"):
        sdedit(weights, described=False, prompt="description")
    with pytest.raises(BenchError, match=r"has 8 input channels, but this method needs 4\."):
        sdedit(untrained_weights.folder(tmp_path)).load()
    with pytest.raises(SampleError, match="missing_description"):
        sdedit(weights, prompt="description").generate([request(description=None)])
