"""What the editing methods of this family share: a frame and a text → the frame of the action."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from baselines.denoiser import postprocess, untrained, weights
from baselines.denoiser.conditioning import TextConditioner
from baselines.denoiser.sampler import ancestral_sample, drawing, guided
from egoactgen_bench import converting, options
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.images import resize
from egoactgen_bench.methods import Method, Setting
from egoactgen_bench.records import Request
from egoactgen_bench.seeds import torch_generator

Features = dict[str, Tensor]  # of one sample, by name, as the conditioner takes them


class EditorOptions(options.Options):
    """How the editors sample; the defaults are the LEGO paper's, and InstructPix2Pix' own."""

    steps: int = Field(100, ge=1, description="denoising steps")
    guidance_text: float = Field(7.5, ge=0, description="s_T, how strictly the text is followed")
    guidance_image: float = Field(1.5, ge=0, description="s_I, how much of the input is kept")
    postprocess: Literal["clamp", "released"] = Field(
        "clamp", description="released: source's aspect, stretched contrast, JPEG, as LEGO's code"
    )
    channels_last: bool = Field(False, description="memory format, faster on recent GPUs")


OptionsT = TypeVar("OptionsT", bound=EditorOptions)


class LatentEditor(Method[OptionsT]):
    """A method whose UNet sees the noisy latent beside the input frame's.

    A subclass says what the text is (`prompt`) and may condition on more (`conditioner`,
    `features_of`).
    """

    uses_weights = True
    default_weights = untrained.NAME
    default_batch_size = 4
    packages = ("torch", "diffusers", "transformers", "pillow")

    def __init__(self, options: OptionsT, setting: Setting) -> None:
        super().__init__(options, setting)
        if setting.weights is None:
            raise BenchError("This method needs weights: give --weights PATH.")
        self.folder = setting.weights
        weights.check_folder(self.folder)

    @classmethod
    def find_weights(cls, name: str | None, models: Path) -> Path | None:
        """As every method; a checkpoint file is converted into the folder `models` first."""
        if (name or cls.default_weights) == untrained.NAME:
            return untrained.folder(models)
        found = super().find_weights(name, models)
        return converting.cached(found, models) if found and found.is_file() else found

    @property
    def conditioner(self) -> TextConditioner:
        """What becomes of the embedded prompt and the sample's features."""
        return TextConditioner()

    def features_of(self, request: Request) -> Features:
        """What `conditioner` takes beside the prompt; `SampleError` where a sample lacks it."""
        return {}

    @cached_property
    def model(self) -> weights.LatentModel:
        dtype = getattr(torch, self.setting.dtype)
        model = weights.load(self.folder, self.setting.device, dtype, self.options.channels_last)
        channels, latent = model.unet.config.in_channels, model.vae.config.latent_channels
        if channels != 2 * latent:
            raise BenchError(
                f"The UNet of {self.folder} takes {channels} channels, not noise and an image of "
                f"{latent} each: it does not edit images."
            )
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
        return untrained.notices(self.folder)

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        answers: dict[str, Image.Image | SampleError] = {}
        ready: list[tuple[Request, Features]] = []
        for request in requests:
            try:
                ready.append((request, self.features_of(request)))
            except SampleError as error:
                answers[request.sample_id] = error
        if ready:
            answers |= self._paint(ready)
        return [answers[request.sample_id] for request in requests]

    def _paint(
        self, ready: Sequence[tuple[Request, Features]]
    ) -> dict[str, Image.Image | SampleError]:
        """The frames, by sample id, of samples whose features are at hand, as one batch."""
        requests = [request for request, _ in ready]
        image = self.model.encode(torch.stack([self._pixels(request) for request in requests]))
        denoise = guided(
            self.model.unet,
            image,
            self._context(ready),
            self.conditioner.null(self.empty_prompt).expand(len(ready), -1, -1),
            self.options.guidance_text,
            self.options.guidance_image,
        )
        generators = [torch_generator(request.seed) for request in requests]
        draw = drawing(generators, image.shape[1:], self.setting.device)
        decoded = self.model.decode(ancestral_sample(denoise, self.options.steps, draw))
        return {
            request.sample_id: self._finish(request, frame)
            for request, frame in zip(requests, decoded, strict=True)
        }

    def _context(self, ready: Sequence[tuple[Request, Features]]) -> Tensor:
        """(B, L, width): what the UNet attends to, for each sample."""
        text = self.model.embed([self.prompt(request) for request, _ in ready])
        stacked = {
            kind: torch.stack([features[kind] for _, features in ready]).to(text.device)
            for kind in self.conditioner.takes
        }
        context: Tensor = self.conditioner(text, **stacked)
        return context

    def _pixels(self, request: Request) -> Tensor:
        """(3, H, W) in [-1, 1]: the whole frame squashed to the square that the UNet takes."""
        squashed = resize(request.input, (self.model.size, self.model.size))
        return torch.from_numpy(np.array(squashed)).permute(2, 0, 1) / 127.5 - 1

    def _finish(self, request: Request, frame: Tensor) -> Image.Image | SampleError:
        if not frame.isfinite().all():
            return SampleError("not_finite", f"the networks overflow in {self.setting.dtype}")
        if self.options.postprocess == "released":
            return postprocess.released(frame, *request.input.size)
        return postprocess.clamped(frame)
