"""Qwen-Image-Edit, and Qwen-Image-Edit-Plus (-2509, -2511)."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from egoactgen_baselines.lora.editor_family import EditorFamily, Texts, call_transformer
from egoactgen_baselines.pipelines.call_recipe import Size


class QwenImageEdit(EditorFamily):
    """Qwen-Image-Edit: Qwen2.5-VL reads the prompt and the frame at the size of the VAE's."""

    pipelines = ("QwenImageEditPipeline",)
    resizes_frame = True
    sees_frame = True
    # The last block's queries, outputs and MLP of the text.
    idle_layers = ("attn.add_q_proj", "attn.to_add_out", "txt_mlp.net.0.proj", "txt_mlp.net.2")

    def frame_size(self, frame: Size, generated: Size) -> Size:
        from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as module

        return _integers(module.calculate_dimensions(module.VAE_IMAGE_SIZE, frame[0] / frame[1]))

    def encode_text(
        self, pipeline: Any, prompt: str, seen: Image.Image | None, tokens: int | None
    ) -> Texts:
        embeddings, _ = pipeline.encode_prompt(prompt, seen)
        return {"embeddings": embeddings[0]}

    def encode_pixels(self, pipeline: Any, pixels: Tensor) -> Tensor:
        latents = pipeline._encode_vae_image(pixels[:, :, None], None)  # a video of one frame
        _, channels, _, height, width = latents.shape
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
        shapes = [(1, *noisy.shape[1:3]), (1, *frames.shape[1:3])]
        guided = transformer.config.guidance_embeds
        return call_transformer(
            transformer,
            noisy,
            frames,
            times,
            guidance=torch.full_like(times, guidance) if guided else None,
            encoder_hidden_states=texts["embeddings"],
            encoder_hidden_states_mask=None,  # prompts of a batch have one length
            img_shapes=[shapes] * len(noisy),
        )


class QwenImageEditPlus(QwenImageEdit):
    """Qwen-Image-Edit-Plus: the language model sees the frame at about 384² pixels."""

    pipelines = ("QwenImageEditPlusPipeline",)

    def seen_size(self, frame: Size, size: Size) -> Size:
        from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as module

        area = module.CONDITION_IMAGE_SIZE
        return _integers(module.calculate_dimensions(area, frame[0] / frame[1]))

    def encode_text(
        self, pipeline: Any, prompt: str, seen: Image.Image | None, tokens: int | None
    ) -> Texts:
        embeddings, _ = pipeline.encode_prompt(prompt, [seen])  # of several, which it numbers
        return {"embeddings": embeddings[0]}


def _integers(size: tuple[float, float]) -> Size:
    return int(size[0]), int(size[1])
