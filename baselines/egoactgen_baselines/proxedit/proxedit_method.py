"""ProxEdit (arXiv 2306.05414), its variant ProxNPI, as a method.

"Released" is what the authors' public code does. LEGO's authors (arXiv 2312.03849) name no values
for theirs, so the defaults are that code's published example, or its own where that is silent.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from egoactgen_baselines.proxedit.alignment import align, new_tokens
from egoactgen_baselines.proxedit.controlled_attention import (
    ControlledAttention,
    LocalBlend,
    PromptToPrompt,
)
from egoactgen_baselines.proxedit.inversion import (
    Guidance,
    Prompts,
    Times,
    edit,
    invert,
    towards_null,
)
from egoactgen_baselines.proxedit.proximal import Operator, Proximal
from egoactgen_baselines.text_to_image import TextToImageMethod, TextToImageOptions
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.captioning import captioner_choice
from egoactgen_bench.captioning.captioner import Captioner, Decoding
from egoactgen_bench.captioning.transformers_blip import TransformersCaptioner
from egoactgen_bench.diffusion.denoiser.stable_diffusion_weights import STABLE_DIFFUSION
from egoactgen_bench.errors import BenchError


class ProxEditOptions(TextToImageOptions):
    """What can be chosen for ProxEdit; the defaults are the published example of its code."""

    steps: int = Field(50, ge=1, le=999, description="of the inversion, and of the edit")
    guidance: float = Field(7.5, ge=0, description="w, how strictly the text is followed")
    source_prompt: Literal["empty", "caption"] = Field(
        "empty", description="what stands for the input frame: no text, or a BLIP caption of it"
    )
    captioner: Path | None = Field(
        None, description="the BLIP folder (blip-image-captioning-base) for source_prompt=caption"
    )
    null_share: float = Field(
        0, ge=0, le=1, description="how far the negative prompt leans from the source to no text"
    )
    proximal: Operator = Field(
        "soft", description="soft: released as l0; hard: the true l0; released-l1: named l1 there"
    )
    quantile: float = Field(
        0.7,
        lt=1,
        description="of |difference|, below which it is dropped; -L fixes that level at L",
    )
    quantile_over: Literal["pair", "target"] = Field(
        "pair", description="pair: with the source's zeros, as released; target: edited values only"
    )
    edit_mask: Literal["released", "nonzero"] = Field(
        "released", description="an edit is |shrunk| > level (released), or where shrunk is not 0"
    )
    dilate: int = Field(1, ge=0, description="latent cells by which the edit mask is widened")
    inversion_guidance: bool = Field(
        True, description="draw latents outside the edit to the inversion's"
    )
    reconstruction_guidance: bool = Field(
        False, description="draw the clean latent outside the edit to the frame's"
    )
    recon_lr: float = Field(1.0, ge=0, le=1, description="how far these two draw")
    recon_t: int = Field(400, description="they act below this time (-T: above T; 0: never)")
    cross_attention: Literal["refine", "replace"] = Field(
        "refine", description="refine: common words keep the source's maps; replace: word for word"
    )
    cross_replace: float = Field(0.8, ge=0, le=1, description="share of steps with that control")
    self_replace: float = Field(
        0.6, ge=0, le=1, description="share with the source's self-attention"
    )
    emphasis: float = Field(1.0, ge=0, description="factor on the attention to new words")
    local_blend: bool = Field(
        False, description="change only where new or lost words are attended to"
    )


class ProxEdit(TextToImageMethod[ProxEditOptions]):
    """ProxEdit: invert the frame under a source prompt, and edit it towards the action's label.

    Negative-prompt inversion (the source prompt as negative prompt of DDIM inversion's latents),
    proximal guidance on the difference of both predictions, inversion or reconstruction guidance
    outside the edit, and prompt-to-prompt control of attention (arXiv 2208.01626).
    """

    Options = ProxEditOptions
    published_weights = (STABLE_DIFFUSION, *captioner_choice.PUBLISHED["base"][:1])

    def __init__(self, options: ProxEditOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        if (options.source_prompt == "caption") != (options.captioner is not None):
            raise BenchError(
                "-o source_prompt=caption and -o captioner=FOLDER (blip-image-captioning-base, as "
                "`bench models fetch` brings it) go together."
            )

    @cached_property
    def captioner(self) -> Captioner | None:
        folder = self.options.captioner
        if folder is None:
            return None
        return TransformersCaptioner(folder, Decoding(), self.context.device)

    @cached_property
    def attention(self) -> ControlledAttention:
        """The processor that stands in every attention layer of the UNet."""
        processor = ControlledAttention()
        self.model.unet.set_attn_processor(processor)
        return processor

    @cached_property
    def guidance(self) -> Guidance:
        chosen = self.options
        return Guidance(
            chosen.guidance,
            Proximal(
                chosen.proximal,
                chosen.quantile,
                chosen.quantile_over,
                chosen.edit_mask,
                chosen.dilate,
            ),
            chosen.inversion_guidance,
            chosen.reconstruction_guidance,
            chosen.recon_lr,
            chosen.recon_t,
        )

    def sources(self) -> dict[str, str]:
        return {"captioner": self.captioner.signature()} if self.captioner else {}

    def edit(self, latents: Tensor, requests: Sequence[Request]) -> Tensor:
        targets = [self.prompt(request) for request in requests]
        sources = self._sources(requests)
        times = Times(self.options.steps)
        source = self.model.embed(sources)
        negative = towards_null(source, self.empty_prompt, self.options.null_share)
        prompts = Prompts(source, self.model.embed(targets), negative)
        self.attention.control = None
        inverted = invert(self._predict, latents, source, times)
        self.attention.control = self._control(sources, targets)
        pair = edit(self._predict, inverted, prompts, times, self.guidance, self.attention.control)
        return pair[1]

    def _sources(self, requests: Sequence[Request]) -> list[str]:
        if self.captioner is None:
            return [""] * len(requests)
        return self.captioner.caption([request.input for request in requests])

    def _predict(self, latents: Tensor, time: int, texts: Tensor) -> Tensor:
        unet = self.model.unet
        latents, texts = latents.to(unet.dtype), texts.to(unet.dtype)
        noise: Tensor = unet(latents, time, encoder_hidden_states=texts).sample
        return noise.float()

    def _control(self, sources: Sequence[str], targets: Sequence[str]) -> PromptToPrompt:
        chosen, tokenizer = self.options, self.model.tokenizer
        device, dtype = self.context.device, self.model.unet.dtype
        alignment = align(tokenizer, sources, targets, chosen.cross_attention == "replace")
        pairs = list(zip(sources, targets, strict=True))
        gained = torch.stack([new_tokens(tokenizer, old, new) for old, new in pairs])
        lost = torch.stack([new_tokens(tokenizer, new, old) for old, new in pairs])
        words = torch.stack([lost, gained]).to(device, dtype)
        return PromptToPrompt(
            chosen.steps,
            alignment.to(device, dtype),
            1 + words[1] * (chosen.emphasis - 1),
            chosen.cross_replace,
            chosen.self_replace,
            LocalBlend(words, int(0.2 * chosen.steps)) if chosen.local_blend else None,
        )
