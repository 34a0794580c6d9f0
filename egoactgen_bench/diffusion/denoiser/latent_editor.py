"""Base class of the editing methods: an input frame and a text → an image of the action."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.ancestral_sampler import (
    ancestral_sample,
    guided,
    noise_source,
)
from egoactgen_bench.diffusion.denoiser.latent_method import LatentMethod, LatentOptions
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.seeds import torch_generator

Features = dict[str, Tensor]  # features of one sample by name, inputs of the conditioner


class EditorOptions(LatentOptions):
    """Sampling options; the defaults are those of LEGO's paper and of InstructPix2Pix."""

    steps: int = Field(100, ge=1, description="denoising steps")
    guidance_text: float = Field(7.5, ge=0, description="s_T, guidance scale of the text")
    guidance_image: float = Field(1.5, ge=0, description="s_I, guidance scale of the input frame")


OptionsT = TypeVar("OptionsT", bound=EditorOptions)


class LatentEditor(LatentMethod[OptionsT]):
    """A method whose UNet takes the noisy latent and the input frame's, concatenated.

    A subclass defines the text (`prompt`), and may condition on further features (`conditioner`,
    `features_of`).
    """

    takes_image = True

    @property
    def conditioner(self) -> TextConditioner:
        """Maps the embedded prompt and a sample's features to the UNet's context."""
        return TextConditioner()

    def features_of(self, request: Request) -> Features:
        """Inputs of `conditioner` other than the prompt; raises `SampleError` if one is missing."""
        return {}

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        outputs: dict[str, Image.Image | SampleError] = {}
        ready: list[tuple[Request, Features]] = []
        for request in requests:
            try:
                ready.append((request, self.features_of(request)))
            except SampleError as error:
                outputs[request.sample_id] = error
        if ready:
            outputs |= self._generate(ready)
        return [outputs[request.sample_id] for request in requests]

    def _generate(
        self, ready: Sequence[tuple[Request, Features]]
    ) -> dict[str, Image.Image | SampleError]:
        """Generate one batch of samples with their features; images by sample id."""
        requests = [request for request, _ in ready]
        image = self.model.encode(self.model.pixels([request.input for request in requests]))
        denoise = guided(
            self.model.unet,
            image,
            self._context(ready),
            self.conditioner.null(self.empty_prompt),
            self.options.guidance_text,
            self.options.guidance_image,
        )
        generators = [torch_generator(request.seed) for request in requests]
        draw = noise_source(generators, image.shape[1:], self.context.device)
        decoded = self.model.decode(ancestral_sample(denoise, self.options.steps, draw))
        ids = [request.sample_id for request in requests]
        return dict(zip(ids, self.images(decoded, requests), strict=True))

    def _context(self, ready: Sequence[tuple[Request, Features]]) -> Tensor:
        """(B, L, width): the context of the UNet's cross-attention."""
        text = self.model.embed([self.prompt(request) for request, _ in ready])
        stacked = {
            kind: torch.stack([features[kind] for _, features in ready]).to(text.device)
            for kind in self.conditioner.takes
        }
        context: Tensor = self.conditioner(text, **stacked)
        return context
