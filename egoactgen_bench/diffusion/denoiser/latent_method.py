"""Base class of all methods in Stable Diffusion's latent space: networks and postprocessing."""

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
from egoactgen_bench.weights import conversion

SAMPLING = "sampling.json"  # in a weights folder: defaults of sampling options for these weights


def read_sampling(weights: Path | None) -> dict[str, Any]:
    """The sampling options that a weights folder recommends."""
    path = weights / SAMPLING if weights else None
    return read_json(path) if path and path.is_file() else {}


class LatentOptions(options.Options):
    """Options of all latent methods."""

    postprocess: Literal["clamp", "released"] = Field(
        "clamp",
        description="released: as LEGO's code does, with the source's aspect ratio, stretched "
        "contrast and JPEG",
    )
    channels_last: bool = Field(
        True, description="memory format of the UNet; faster on CPUs and in 16 bit on GPUs"
    )
    compile: bool = Field(
        False, description="compile the UNet (torch.compile): minutes at the start, then faster"
    )


OptionsT = TypeVar("OptionsT", bound=LatentOptions)


class LatentMethod(Method[OptionsT]):
    """A method with a weights folder in Stable Diffusion's layout."""

    uses_weights = True
    default_weights = SHIPPED
    toy_weights: ClassVar[Path | None] = None  # folder in the method's package
    default_batch_size = 4
    packages = ("torch", "diffusers", "transformers", "pillow")
    takes_image: ClassVar[bool]  # whether the UNet's input includes the input frame's latent

    def __init__(self, options: OptionsT, context: MethodContext) -> None:
        super().__init__(options, context)
        if context.weights is None:
            raise BenchError("This method needs weights: give --weights PATH.")
        self._cut = self._cut_of_run = 0  # prompts that were cut
        self.folder = context.weights
        weights.check_folder(self.folder)

    @classmethod
    def find_weights(cls, name: str | None, models: Path) -> Path | None:
        """As for every method, but a checkpoint file is converted into `models` first."""
        named = name or cls.default_weights
        if named in untrained_weights.NAMES:
            return untrained_weights.folder(models, named)
        shipped = shipped_weights.find(named, cls.toy_weights, models)
        found = shipped or super().find_weights(name, models)
        return conversion.cached(found, models) if found and found.is_file() else found

    @classmethod
    def suggested(cls, weights: Path | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
        known = cls.Options.model_fields
        return {key: value for key, value in read_sampling(weights).items() if key in known}

    @cached_property
    def model(self) -> weights.LatentModel:
        """The networks; the UNet runs in the run's dtype."""
        dtype = getattr(torch, self.context.dtype)
        model = weights.load(self.folder, self.context.device, dtype, self.options.channels_last)
        channels, latent = model.unet.config.in_channels, model.vae.config.latent_channels
        if channels != latent * (2 if self.takes_image else 1):
            expected = f"{2 * latent}: noise and an image" if self.takes_image else str(latent)
            raise BenchError(
                f"The UNet of {self.folder} has {channels} input channels, but this method needs "
                f"{expected}. Choose other --weights."
            )
        weights.check_parts(model, self.folder)
        predict_noise(model.unet, model.prediction)
        if self.options.compile:
            model.unet.compile()
        return model

    @cached_property
    def empty_prompt(self) -> Tensor:
        """(1, 77, width): the embedding of "", the unconditional context."""
        return self.model.embed([""])

    @torch.inference_mode()
    def load(self) -> None:
        _ = self.empty_prompt  # loads the networks, too

    def weight_files(self) -> list[Path]:
        return weights.weight_files(self.folder)

    def notices(self) -> list[str]:
        found = untrained_weights.notices(self.folder) + shipped_weights.notices(self.folder)
        if self._cut_of_run:
            found.append(f"{self._cut_of_run:,} prompts were cut at the text encoder's length.")
        return found

    def batch_record(self) -> dict[str, Any]:
        found, self._cut = self._cut, 0
        return {"cut_texts": found}

    def run_record(self, batches: list[dict[str, Any]]) -> dict[str, Any]:
        self._cut_of_run = sum(batch.get("cut_texts", 0) for batch in batches)
        return {"cut_texts": self._cut_of_run}

    def images(
        self, decoded: Tensor, requests: Sequence[Request]
    ) -> list[Image.Image | SampleError]:
        """Decoded images (B, 3, H, W), approximately in [-1, 1] → one RGB image per request."""
        pairs = zip(decoded.cpu(), requests, strict=True)  # all at once: each copy waits for a GPU
        return [self._image(pixels, request) for pixels, request in pairs]

    def _image(self, pixels: Tensor, request: Request) -> Image.Image | SampleError:
        # Some networks overflow in float16: without this, a black frame would be scored like any
        # other.
        if not pixels.isfinite().all():
            return SampleError("not_finite", f"the networks overflow in {self.context.dtype}")
        if self.options.postprocess == "released":
            return postprocess.released(pixels, *request.input.size)
        return postprocess.clamped(pixels)
