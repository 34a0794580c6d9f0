"""SDEdit (arXiv 2108.01073): noise the frame's latent up to a level, denoise it with the text."""

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
    drawing,
    text_guided,
)
from egoactgen_bench.support.seeds import torch_generator

CHOICE = "strength.json"  # in a folder of `bench train sdedit`: the strength, and whose it is
STRENGTH = 0.75  # of CompVis' img2img.py, which brought SDEdit to Stable Diffusion


class StrengthManifest(Manifest):
    """strength.json: the strength that was chosen, and the weights that it was chosen for."""

    noun: ClassVar[str] = "choice of a strength"
    made_by: ClassVar[str] = "bench train sdedit"
    strength: float = Field(ge=0, le=1)
    weights: str  # a folder beside this one, or a path


class SDEditOptions(TextToImageOptions):
    """What can be chosen for SDEdit; LEGO's authors name no values for theirs."""

    strength: float | None = Field(
        None,
        ge=0,
        le=1,
        description=f"t_0, how far from the frame (default: as `bench train sdedit` chose for the "
        f"weights, else CompVis' {STRENGTH})",
    )
    steps: int = Field(
        100, ge=1, description="of the whole schedule, of which strength is walked (default: LEGO)"
    )
    guidance: float = Field(7.5, ge=0, description="text guidance (default: LEGO's s_T)")


class SDEdit(TextToImageMethod[SDEditOptions]):
    """SDEdit: noise the input's latent to a strength, denoise it with the action's label.

    Algorithm 2 of the paper (VP-SDE, one pass): x(t_0) = x + σ(t_0) z, then the reverse SDE down to
    0, here by the Euler ancestral steps that LEGO takes, and with classifier-free guidance.
    """

    Options = SDEditOptions

    def __init__(self, options: SDEditOptions, context: MethodContext) -> None:
        chosen, weights = _chosen(context.weights)
        self.strength: float = chosen if options.strength is None else options.strength
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
            drawing(generators, latents.shape[1:], self.context.device),
            latents,
            self.strength,
        )


def _chosen(folder: Path | None) -> tuple[float, Path | None]:
    """The strength that was chosen for a weights folder, if any, and the weights themselves."""
    if folder is None or not (folder / CHOICE).is_file():
        return STRENGTH, folder
    choice = read_manifest(folder / CHOICE, StrengthManifest)
    return choice.strength, folder.parent / choice.weights
