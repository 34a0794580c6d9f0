"""Base class of methods that edit a frame's latent with a text-to-image Stable Diffusion.

LEGO's paper finetunes one on egocentric frames with action labels (`bench train sd`), and applies
SDEdit and ProxEdit to it without further training.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, TypeVar

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from egoactgen_baselines import toy
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.latent_method import LatentMethod, LatentOptions
from egoactgen_bench.diffusion.denoiser.stable_diffusion_weights import STABLE_DIFFUSION
from egoactgen_bench.errors import BenchError, SampleError


class TextToImageOptions(LatentOptions):
    """Options of these methods."""

    prompt: Literal["action", "description"] = Field("action", description="text of the prompt")


OptionsT = TypeVar("OptionsT", bound=TextToImageOptions)


class TextToImageMethod(LatentMethod[OptionsT]):
    """A method that edits a frame's latent with a text-to-image Stable Diffusion."""

    toy_weights = toy.FOLDER / "sd"
    published_weights: ClassVar[tuple[PublishedWeights, ...]] = (STABLE_DIFFUSION,)
    takes_image = False

    def __init__(self, options: OptionsT, context: MethodContext) -> None:
        super().__init__(options, context)
        if options.prompt == "description" and not context.described:
            raise BenchError("-o prompt=description needs descriptions: give --descriptions NAME.")

    def prompt(self, request: Request) -> str:
        chosen = request.action if self.options.prompt == "action" else request.description
        return chosen or ""

    @abstractmethod
    def edit(self, latents: Tensor, requests: Sequence[Request]) -> Tensor:
        """Latents of the input frames (B, 4, h, w) → those of the outputs.

        Both are float32, scaled by the VAE's scaling factor, and on the run's device.
        """

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        if not all(self.prompt(request) for request in requests):
            raise SampleError("missing_description", "this sample has no description")
        frames = self.model.pixels([request.input for request in requests])
        latents = self.model.encode(frames) * self.model.vae.config.scaling_factor
        return self.images(self.model.decode(self.edit(latents, requests)), requests)
