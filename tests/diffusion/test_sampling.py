"""The sampler compared with diffusers' pipeline, and its cached attention."""

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionInstructPix2PixPipeline
from PIL import Image

from egoactgen_bench.diffusion.denoiser import cached_attention, latent_model, untrained_weights
from egoactgen_bench.diffusion.denoiser.ancestral_sampler import (
    ancestral_sample,
    guided,
    noise_source,
)
from egoactgen_bench.diffusion.denoiser.noise_schedule import save_scheduler, time_of
from egoactgen_bench.support.seeds import torch_generator

STEPS = 10  # with integer training times, for which k-diffusion's schedule equals diffusers'


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = untrained_weights.folder(tmp_path_factory.mktemp("models"))
    return latent_model.load(folder, "cpu", torch.float32)


@torch.inference_mode()
def test_latents_match_diffusers_pipeline(model, tmp_path):
    save_scheduler(tmp_path)
    drawn = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    frames, texts = [Image.fromarray(pixels) for pixels in drawn], ["open drawer", "cut onion"]
    pipeline = StableDiffusionInstructPix2PixPipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=EulerAncestralDiscreteScheduler.from_pretrained(tmp_path),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        texts,
        frames,
        num_inference_steps=STEPS,
        guidance_scale=7.5,
        image_guidance_scale=1.5,
        generator=[torch_generator(3), torch_generator(4)],
        output_type="latent",
    ).images
    image = model.encode(model.pixels(frames))
    denoise = guided(model.unet, image, model.embed(texts), model.embed([""]))
    draw = noise_source([torch_generator(3), torch_generator(4)], image.shape[1:], "cpu")
    ours = ancestral_sample(denoise, STEPS, draw)
    assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max().clamp(min=1)


@torch.inference_mode()
def test_prepared_contexts_give_the_same_prediction(model):
    generator = torch_generator(0)
    context, null = (torch.randn(n, 77, 32, generator=generator) for n in (2, 1))
    latents = torch.randn(6, 8, 16, 16, generator=generator)
    whole = torch.cat([context, null.expand(4, -1, -1)])
    usual = model.unet(latents, 500, encoder_hidden_states=whole).sample
    prepared = cached_attention.prepare(model.unet, context, null, nulls=4)
    for states in (prepared, whole):  # the UNet still accepts a tensor
        found = model.unet(latents, 500, encoder_hidden_states=states).sample
        torch.testing.assert_close(found, usual, rtol=1e-5, atol=1e-5)
    other = cached_attention.prepare(model.unet, context.flip(0), null, nulls=4)
    found = model.unet(latents, 500, encoder_hidden_states=other).sample
    assert (found - usual).abs().max() > 1e-3


def test_contexts_are_projected_once(model):
    calls = []
    layers = [m.to_k for m in cached_attention._cross_attentions(model.unet).values()]
    hooks = [layer.register_forward_hook(lambda *call: calls.append(call)) for layer in layers]
    with torch.inference_mode():
        image = torch.zeros(1, 4, 16, 16)
        denoise = guided(model.unet, image, torch.zeros(1, 77, 32), torch.zeros(1, 77, 32))
        ancestral_sample(denoise, 3, lambda: torch.ones(1, 4, 16, 16))
    for hook in hooks:
        hook.remove()
    assert len(calls) == 2 * len(layers)  # once for the context and ∅, for all three steps


@pytest.mark.parametrize(
    ("text_scale", "image_scale", "calls"),
    [(7.5, 1.5, 3), (7.5, 1, 2), (2, 2, 2), (1, 1, 1), (0, 1, 2)],
)
@torch.inference_mode()
def test_terms_with_weight_zero_are_not_computed(model, text_scale, image_scale, calls):
    generator = torch_generator(0)
    x, image = torch.randn(2, 2, 4, 16, 16, generator=generator)
    context, null = (torch.randn(n, 77, 32, generator=generator) for n in (2, 1))
    sigma, scale = torch.tensor(3.0), 10**0.5
    batch_sizes = []

    def noise(image, context):  # one term of the formula
        inputs = torch.cat([x / scale, image], 1)
        return model.unet(inputs, time_of(sigma), encoder_hidden_states=context).sample

    nulls = null.expand(2, -1, -1)
    full, image_only = noise(image, context), noise(image, nulls)
    empty = noise(torch.zeros_like(image), nulls)
    expected = empty + text_scale * (full - image_only) + image_scale * (image_only - empty)
    hook = model.unet.conv_in.register_forward_hook(
        lambda _, inputs, __: batch_sizes.append(len(inputs[0]))
    )
    found = guided(model.unet, image, context, null, text_scale, image_scale)(x, sigma)
    hook.remove()
    torch.testing.assert_close(found, x - sigma * expected, rtol=1e-4, atol=1e-4)
    assert batch_sizes == [calls * 2]
