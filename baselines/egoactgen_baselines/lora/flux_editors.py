"""FLUX.1 Kontext and FLUX.2 klein."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from egoactgen_baselines.lora.editor_family import EditorFamily, Texts, call_transformer


class FluxKontext(EditorFamily):
    """FLUX.1 Kontext: T5's and CLIP's embeddings; the frame's tokens have the first id 1."""

    pipelines = ("FluxKontextPipeline",)
    text_tokens = 512

    def encode_text(
        self, pipeline: Any, prompt: str, seen: Image.Image | None, tokens: int | None
    ) -> Texts:
        embeddings, pooled, _ = pipeline.encode_prompt(prompt, None, max_sequence_length=tokens)
        return {"embeddings": embeddings[0], "pooled": pooled[0]}

    def encode_pixels(self, pipeline: Any, pixels: Tensor) -> Tensor:
        latents = pipeline._encode_vae_image(pixels, None)
        _, channels, height, width = latents.shape
        packed: Tensor = pipeline._pack_latents(latents, len(latents), channels, height, width)
        return packed.reshape(len(packed), height // 2, width // 2, -1)

    def predict(
        self,
        transformer: Any,
        noisy: Tensor,
        frames: Tensor,
        times: Tensor,
        texts: Texts,
        guidance: float,
    ) -> Tensor:
        embeddings = texts["embeddings"]
        guided = transformer.config.guidance_embeds
        return call_transformer(
            transformer,
            noisy,
            frames,
            times,
            guidance=torch.full_like(times, guidance) if guided else None,
            encoder_hidden_states=embeddings,
            pooled_projections=texts["pooled"],
            txt_ids=embeddings.new_zeros(embeddings.shape[1], 3),
            img_ids=torch.cat([_positions(noisy, 0, frames.dtype), _positions(frames, 1)]),
        )


def _positions(tokens: Tensor, image: int, dtype: torch.dtype | None = None) -> Tensor:
    """The ids (image, row, column) of the tokens of one image: (rows · columns, 3)."""
    from diffusers import FluxKontextPipeline

    rows, columns = tokens.shape[1:3]
    ids: Tensor = FluxKontextPipeline._prepare_latent_image_ids(
        1, rows, columns, tokens.device, dtype or tokens.dtype
    )
    ids[:, 0] = image
    return ids


class Flux2Klein(EditorFamily):
    """FLUX.2 klein: states of three layers of Qwen3; 2 × 2 positions of the latent are a token."""

    pipelines = ("Flux2KleinPipeline",)
    text_tokens = 512

    def encode_text(
        self, pipeline: Any, prompt: str, seen: Image.Image | None, tokens: int | None
    ) -> Texts:
        embeddings, _ = pipeline.encode_prompt(prompt, max_sequence_length=tokens)
        return {"embeddings": embeddings[0]}

    def encode_pixels(self, pipeline: Any, pixels: Tensor) -> Tensor:
        latents: Tensor = pipeline._encode_vae_image(pixels, None)
        return latents.movedim(1, -1)

    def predict(
        self,
        transformer: Any,
        noisy: Tensor,
        frames: Tensor,
        times: Tensor,
        texts: Texts,
        guidance: float,
    ) -> Tensor:
        from diffusers import Flux2KleinPipeline

        embeddings = texts["embeddings"]
        ids = Flux2KleinPipeline._prepare_latent_ids(noisy.movedim(-1, 1))
        frame_ids = Flux2KleinPipeline._prepare_image_ids([frames[:1].movedim(-1, 1)])
        image_ids = torch.cat([ids, frame_ids.expand(len(noisy), -1, -1)], dim=1)
        return call_transformer(
            transformer,
            noisy,
            frames,
            times,
            guidance=None,
            encoder_hidden_states=embeddings,
            txt_ids=Flux2KleinPipeline._prepare_text_ids(embeddings).to(noisy.device),
            img_ids=image_ids.to(noisy.device),
        )
