"""LEGO (arXiv 2312.03849) as a method: a frame, a text and the VLLM's features → the action frame.

Sampling as in the paper's section 4: 100 Euler ancestral steps, guidance 7.5 (text), 1.5 (image).
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from egoactgen_bench import converting, options
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.images import resize
from egoactgen_bench.methods import Method, Setting
from egoactgen_bench.records import Request
from egoactgen_bench.seeds import torch_generator
from lego import postprocess, untrained
from lego.conditioning import FEATURES, Conditioner, load_conditioner, read_conditioning
from lego.denoiser import weights
from lego.denoiser.sampler import ancestral_sample, drawing, guided
from lego.features import FeatureFolder

Features = dict[str, Tensor]  # of one sample: "image" H_i, "text" H_t, where they are taken


class LEGOOptions(options.Options):
    """What can be chosen for LEGO; the defaults are the paper's."""

    steps: int = Field(100, ge=1, description="denoising steps")
    guidance_text: float = Field(7.5, ge=0, description="s_T, how strictly the text is followed")
    guidance_image: float = Field(1.5, ge=0, description="s_I, how much of the input is kept")
    features: Path | None = Field(
        None, description="folder of the VLLM's features: image/ and text/<sample_id>.npy"
    )
    prompt: Literal["auto", "action", "description"] = Field(
        "auto", description="the text; auto: the one that the weights were trained on"
    )
    postprocess: Literal["clamp", "released"] = Field(
        "clamp", description="released: source's aspect, stretched contrast, JPEG, as the authors"
    )
    channels_last: bool = Field(False, description="memory format, faster on recent GPUs")


class LEGO(Method[LEGOOptions]):
    """LEGO: latent diffusion on the input frame, its description and the VLLM's features."""

    Options = LEGOOptions
    uses_weights = True
    default_weights = untrained.NAME
    default_batch_size = 4
    packages = ("torch", "diffusers", "transformers", "pillow")

    def __init__(self, options: LEGOOptions, setting: Setting) -> None:
        super().__init__(options, setting)
        if setting.weights is None:
            raise BenchError("LEGO needs weights: give --weights PATH.")
        self.folder = setting.weights
        weights.check_folder(self.folder)
        self.conditioning, _ = read_conditioning(self.folder / "conditioner")
        if self.reads == "description" and not setting.described:
            raise BenchError(
                "These weights read enriched descriptions: give --descriptions NAME "
                "(or -o prompt=action to feed them the action's label)."
            )
        self.features = self._open_features()

    @classmethod
    def find_weights(cls, name: str | None, models: Path) -> Path | None:
        """As every method; a checkpoint file is converted into the folder `models` first."""
        if (name or cls.default_weights) == untrained.NAME:
            return untrained.folder(models)
        found = super().find_weights(name, models)
        return converting.cached(found, models) if found and found.is_file() else found

    @property
    def reads(self) -> Literal["action", "description"]:
        """Which text the prompt is."""
        if self.options.prompt != "auto":
            return self.options.prompt
        return "action" if self.conditioning == "labels" else "description"

    @cached_property
    def conditioner(self) -> Conditioner:
        """σ, μ and π, as far as the conditioning takes them."""
        found = load_conditioner(self.folder / "conditioner")
        return found.to(self.setting.device).requires_grad_(False)

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

    def sources(self) -> dict[str, str]:
        return {"features (names and sizes)": self.features.fingerprint()} if self.features else {}

    def notices(self) -> list[str]:
        return untrained.notices(self.folder)

    def prompt(self, request: Request) -> str:
        return request.action if self.reads == "action" else request.description or ""

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        answers: dict[str, Image.Image | SampleError] = {}
        ready: list[tuple[Request, Features]] = []
        for request in requests:
            try:
                ready.append((request, self._features_of(request)))
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
        """(B, L, width): C of equation (1) for each sample."""
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

    def _features_of(self, request: Request) -> Features:
        if not self.prompt(request):
            raise SampleError("missing_description", "the descriptions have none for this sample")
        if self.features is None:
            return {}
        sizes = self.conditioner.sizes
        read = {"image": self.features.image, "text": self.features.text}
        return {
            kind: torch.from_numpy(
                read[kind](request.sample_id, sizes[f"{kind}_tokens"], sizes["vllm_width"])
            )
            for kind in self.conditioner.takes
        }

    def _open_features(self) -> FeatureFolder | None:
        takes = FEATURES[self.conditioning]
        if not takes:
            return None
        if self.options.features is None:
            wanted = " and ".join(f"DIR/{kind}/<sample_id>.npy" for kind in takes)
            raise BenchError(
                f"These weights are conditioned on the VLLM's features ({self.conditioning}): "
                f"give -o features=DIR with {wanted}, or the released layout."
            )
        return FeatureFolder(self.options.features, takes)
