"""What the editing methods of this family share: a frame and a text → the frame of the action."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.ancestral_sampler import ancestral_sample, drawing, guided
from egoactgen_bench.diffusion.denoiser.latent_method import LatentMethod, LatentOptions
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.seeds import torch_generator
from egoactgen_bench.weights import conversion

Features = dict[str, Tensor]  # of one sample, by name, as the conditioner takes them


class EditorOptions(LatentOptions):
    """How the editors sample; the defaults are the LEGO paper's, and InstructPix2Pix' own."""

    steps: int = Field(100, ge=1, description="denoising steps")
    guidance_text: float = Field(7.5, ge=0, description="s_T, how strictly the text is followed")
    guidance_image: float = Field(1.5, ge=0, description="s_I, how much of the input is kept")


OptionsT = TypeVar("OptionsT", bound=EditorOptions)


class LatentEditor(LatentMethod[OptionsT]):
    """A method whose UNet sees the noisy latent beside the input frame's.

    A subclass says what the text is (`prompt`) and may condition on more (`conditioner`,
    `features_of`).
    """

    takes_image = True

    @classmethod
    def find_weights(cls, name: str | None, models: Path) -> Path | None:
        """As every method; a checkpoint file is converted into the folder `models` first."""
        found = super().find_weights(name, models)
        return conversion.cached(found, models) if found and found.is_file() else found

    @property
    def conditioner(self) -> TextConditioner:
        """What becomes of the embedded prompt and the sample's features."""
        return TextConditioner()

    def features_of(self, request: Request) -> Features:
        """What `conditioner` takes beside the prompt; `SampleError` where a sample lacks it."""
        return {}

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
        draw = drawing(generators, image.shape[1:], self.context.device)
        decoded = self.model.decode(ancestral_sample(denoise, self.options.steps, draw))
        ids = [request.sample_id for request in requests]
        return dict(zip(ids, self.pictures(decoded, requests), strict=True))

    def _context(self, ready: Sequence[tuple[Request, Features]]) -> Tensor:
        """(B, L, width): what the UNet attends to, for each sample."""
        text = self.model.embed([self.prompt(request) for request, _ in ready])
        stacked = {
            kind: torch.stack([features[kind] for _, features in ready]).to(text.device)
            for kind in self.conditioner.takes
        }
        context: Tensor = self.conditioner(text, **stacked)
        return context
