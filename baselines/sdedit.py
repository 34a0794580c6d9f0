"""SDEdit (arXiv 2108.01073): noise the frame's latent up to a level, denoise it with the text."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field
from torch import Tensor

from baselines.denoiser.sampler import ancestral_sample, drawing, text_guided
from baselines.text_to_image import TextToImageMethod, TextToImageOptions
from egoactgen_bench.files import read_json
from egoactgen_bench.methods import Setting
from egoactgen_bench.records import Request
from egoactgen_bench.seeds import torch_generator

CHOICE = "strength.json"  # in a folder of `bench train sdedit`: the strength, and whose it is
STRENGTH = 0.75  # of CompVis' img2img.py, which brought SDEdit to Stable Diffusion


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

    def __init__(self, options: SDEditOptions, setting: Setting) -> None:
        chosen, folder = STRENGTH, setting.weights
        if folder and (folder / CHOICE).is_file():
            choice = read_json(folder / CHOICE)
            chosen = choice["strength"]
            setting = replace(setting, weights=folder.parent / choice["weights"])
        self.strength: float = chosen if options.strength is None else options.strength
        super().__init__(options.model_copy(update={"strength": self.strength}), setting)

    def edit(self, latents: Tensor, requests: Sequence[Request]) -> Tensor:
        text = self.model.embed([self.prompt(request) for request in requests])
        generators = [torch_generator(request.seed) for request in requests]
        return ancestral_sample(
            text_guided(self.model.unet, text, self.empty_prompt, self.options.guidance),
            self.options.steps,
            drawing(generators, latents.shape[1:], self.setting.device),
            latents,
            self.strength,
        )
