"""SDEdit (arXiv 2108.01073): noise the frame's latent up to a level, denoise it with the text."""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor

from baselines.denoiser.sampler import ancestral_sample, drawing, text_guided
from baselines.text_to_image import TextToImageMethod, TextToImageOptions
from egoactgen_bench.records import Request
from egoactgen_bench.seeds import torch_generator


class SDEditOptions(TextToImageOptions):
    """What can be chosen for SDEdit; LEGO's authors name no values for theirs."""

    strength: float = Field(
        0.75, ge=0, le=1, description="t_0, how far from the frame (default: CompVis img2img.py)"
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

    def edit(self, latents: Tensor, requests: Sequence[Request]) -> Tensor:
        text = self.model.embed([self.prompt(request) for request in requests])
        generators = [torch_generator(request.seed) for request in requests]
        return ancestral_sample(
            text_guided(self.model.unet, text, self.empty_prompt, self.options.guidance),
            self.options.steps,
            drawing(generators, latents.shape[1:], self.setting.device),
            latents,
            self.options.strength,
        )
