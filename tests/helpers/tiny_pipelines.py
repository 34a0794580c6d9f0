"""Tiny random pipelines of diffusers, saved to disk."""

import torch
from diffusers import (
    DDIMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
)

from egoactgen_bench.diffusion.denoiser import latent_model, untrained_weights

KINDS = {
    "edit": (StableDiffusionInstructPix2PixPipeline, untrained_weights.NAME),
    "image-to-image": (StableDiffusionImg2ImgPipeline, untrained_weights.TEXT_TO_IMAGE),
    "text-to-image": (StableDiffusionPipeline, untrained_weights.TEXT_TO_IMAGE),
}


def write_pipeline(folder, kind):
    """A tiny random diffusers pipeline, saved by `save_pretrained`."""
    pipeline, name = KINDS[kind]
    model = latent_model.load(
        untrained_weights.folder(folder.parent / "models", name), "cpu", torch.float32
    )
    scheduler = DDIMScheduler(steps_offset=1, clip_sample=False)  # as Stable Diffusion is published
    parts = (model.vae, model.text_encoder, model.tokenizer, model.unet, scheduler)
    made = pipeline(*parts, None, None, requires_safety_checker=False)
    made.save_pretrained(folder, safe_serialization=True)
    return folder
