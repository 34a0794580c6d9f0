"""SDEdit (arXiv 2108.01073): add noise to the frame's latent, then denoise it with the text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from egoactgen_baselines.text_to_image import TextToImageMethod, TextToImageOptions
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.manifest_base import Manifest, read_manifest
from egoactgen_bench.diffusion.denoiser.ancestral_sampler import (
    ancestral_sample,
    noise_source,
    steps_of,
    text_guided,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.seeds import torch_generator

CHOICE = "strength.json"  # written by `bench train sdedit`: the strength and its weights
STRENGTH = 0.75  # the default of CompVis' img2img.py, SDEdit for Stable Diffusion


class StrengthManifest(Manifest):
    """strength.json: the chosen strength, and the weights for which it was chosen."""

    noun: ClassVar[str] = "choice of a strength"
    made_by: ClassVar[str] = "bench train sdedit"
    strength: float = Field(ge=0, le=1)
    weights: str  # name of a sibling folder, or a path


class SDEditOptions(TextToImageOptions):
    """Options of SDEdit; LEGO's authors do not report their settings."""

    strength: float | None = Field(
        None,
        ge=0,
        le=1,
        description="t_0, the noise level to start from (default: chosen by `bench train sdedit` "
        f"for these weights, else CompVis' {STRENGTH})",
    )
    steps: int = Field(
        100, ge=1, description="steps of the whole schedule; the fraction `strength` is taken"
    )
    guidance: float = Field(7.5, ge=0, description="guidance scale of the text (LEGO's s_T)")


class SDEdit(TextToImageMethod[SDEditOptions]):
    """SDEdit: add noise to the input frame's latent, then denoise it with the action's label.

    Algorithm 2 of the paper (VP-SDE, one pass): x(t_0) = x + σ(t_0) z, then the reverse SDE down to
    0, with the Euler ancestral sampler of LEGO and classifier-free guidance.
    """

    Options = SDEditOptions

    def __init__(self, options: SDEditOptions, context: MethodContext) -> None:
        chosen, weights = _chosen(context.weights)
        self.strength: float = chosen if options.strength is None else options.strength
        if self.strength > 0 and steps_of(self.strength, options.steps) < 1:
            raise BenchError(
                f"strength × steps is {self.strength} × {options.steps} < 1, so that no step is "
                "left: increase -o strength or -o steps."
            )
        options = options.model_copy(update={"strength": self.strength})
        super().__init__(options, replace(context, weights=weights))

    @classmethod
    def suggested(cls, weights: Path | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
        return super().suggested(_chosen(weights)[1], chosen)

    def edit(self, latents: Tensor, requests: Sequence[Request]) -> Tensor:
        text = self.model.embed([self.prompt(request) for request in requests])
        generators = [torch_generator(request.seed) for request in requests]
        return ancestral_sample(
            text_guided(self.model.unet, text, self.empty_prompt, self.options.guidance),
            self.options.steps,
            noise_source(generators, latents.shape[1:], self.context.device),
            latents,
            self.strength,
        )


def _chosen(folder: Path | None) -> tuple[float, Path | None]:
    """The strength for a weights folder (default: `STRENGTH`), and the folder of the weights."""
    if folder is None or not (folder / CHOICE).is_file():
        return STRENGTH, folder
    choice = read_manifest(folder / CHOICE, StrengthManifest)
    return choice.strength, folder.parent / choice.weights
