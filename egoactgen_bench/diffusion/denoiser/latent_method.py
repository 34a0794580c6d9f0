"""What all methods in the latent space of Stable Diffusion share: networks and pictures."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from egoactgen_bench.api import options
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.api.weights_folder import SHIPPED
from egoactgen_bench.diffusion.denoiser import latent_model as weights
from egoactgen_bench.diffusion.denoiser import postprocess, shipped_weights, untrained_weights
from egoactgen_bench.diffusion.denoiser.prediction import predict_noise
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import read_json

SAMPLING = "sampling.json"  # in a weights folder: options that suit it better than the defaults


def read_sampling(weights: Path | None) -> dict[str, Any]:
    """The options that a weights folder asks for."""
    path = weights / SAMPLING if weights else None
    return read_json(path) if path and path.is_file() else {}


class LatentOptions(options.Options):
    """What can be chosen for each of them."""

    postprocess: Literal["clamp", "released"] = Field(
        "clamp", description="released: source's aspect, stretched contrast, JPEG, as LEGO's code"
    )
    channels_last: bool = Field(
        True, description="the UNet's memory format, faster on CPUs and in 16 bit on GPUs"
    )
    compile: bool = Field(
        False, description="torch.compile of the UNet: minutes at the start, faster from then on"
    )


OptionsT = TypeVar("OptionsT", bound=LatentOptions)


class LatentMethod(Method[OptionsT]):
    """A method whose networks are a weights folder of Stable Diffusion's kind."""

    uses_weights = True
    default_weights = SHIPPED
    toy_weights: ClassVar[Path | None] = None  # what comes with its package
    default_batch_size = 4
    packages = ("torch", "diffusers", "transformers", "pillow")
    takes_image: ClassVar[bool]  # whether the UNet sees the input frame beside the noise

    def __init__(self, options: OptionsT, context: MethodContext) -> None:
        super().__init__(options, context)
        if context.weights is None:
            raise BenchError("This method needs weights: give --weights PATH.")
        self.folder = context.weights
        weights.check_folder(self.folder)

    @classmethod
    def find_weights(cls, name: str | None, models: Path) -> Path | None:
        named = name or cls.default_weights
        if named in untrained_weights.NAMES:
            return untrained_weights.folder(models, named)
        return shipped_weights.find(named, cls.toy_weights, models) or super().find_weights(
            name, models
        )

    @classmethod
    def suggested(cls, weights: Path | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
        known = cls.Options.model_fields
        return {key: value for key, value in read_sampling(weights).items() if key in known}

    @cached_property
    def model(self) -> weights.LatentModel:
        """The networks; the UNet computes in the run's dtype."""
        dtype = getattr(torch, self.context.dtype)
        model = weights.load(self.folder, self.context.device, dtype, self.options.channels_last)
        channels, latent = model.unet.config.in_channels, model.vae.config.latent_channels
        if channels != latent * (2 if self.takes_image else 1):
            wanted = "noise and an image" if self.takes_image else "noise alone"
            raise BenchError(
                f"The UNet of {self.folder} takes {channels} channels, where this method's takes "
                f"{wanted}, {latent} channels each: name other weights."
            )
        predict_noise(model.unet, model.prediction)
        if self.options.compile:
            model.unet.compile()
        return model

    @cached_property
    def empty_prompt(self) -> Tensor:
        """(1, 77, width): the embedding of "", which stands for no text."""
        return self.model.embed([""])

    @torch.inference_mode()
    def load(self) -> None:
        _ = self.empty_prompt  # and with it the networks

    def weight_files(self) -> list[Path]:
        return weights.weight_files(self.folder)

    def notices(self) -> list[str]:
        return untrained_weights.notices(self.folder) + shipped_weights.notices(self.folder)

    def pictures(
        self, decoded: Tensor, requests: Sequence[Request]
    ) -> list[Image.Image | SampleError]:
        """(B, 3, H, W) about [-1, 1] → one picture a request."""
        return [
            self._picture(frame, request) for frame, request in zip(decoded, requests, strict=True)
        ]

    def _picture(self, frame: Tensor, request: Request) -> Image.Image | SampleError:
        if not frame.isfinite().all():
            return SampleError("not_finite", f"the networks overflow in {self.context.dtype}")
        if self.options.postprocess == "released":
            return postprocess.released(frame, *request.input.size)
        return postprocess.clamped(frame)
