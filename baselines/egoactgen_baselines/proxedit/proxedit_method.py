"""ProxEdit (arXiv 2306.05414) in its variant ProxNPI, as a method.

"Released" means: as in the authors' public code. LEGO's authors (arXiv 2312.03849) do not report
their settings, so the defaults are those of that code's example, or else of the code.
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
from egoactgen_bench.support.hub_snapshots import snapshot_in


class ProxEditOptions(TextToImageOptions):
    """Options of ProxEdit; the defaults are those of its code's published example."""

    steps: int = Field(50, ge=1, le=999, description="steps of the inversion and of the edit")
    guidance: float = Field(7.5, ge=0, description="w, guidance scale of the text")
    source_prompt: Literal["empty", "caption"] = Field(
        "empty", description="prompt for the input frame: no text, or a BLIP caption"
    )
    captioner: Path | None = Field(
        None, description="the BLIP folder (blip-image-captioning-base) for source_prompt=caption"
    )
    null_share: float = Field(
        0, ge=0, le=1, description="interpolation of the negative prompt from source to no text"
    )
    proximal: Operator = Field(
        "soft", description="soft: l0 in the released code; hard: true l0; released-l1: its l1"
    )
    quantile: float = Field(
        0.7,
        lt=1,
        description="quantile of |difference| below which it is dropped; -L: the fixed level L",
    )
    quantile_over: Literal["pair", "target"] = Field(
        "pair", description="pair: includes the source's zeros, as released; target: does not"
    )
    edit_mask: Literal["released", "nonzero"] = Field(
        "released", description="edited region: |shrunk| > level (released) or shrunk ≠ 0"
    )
    dilate: int = Field(1, ge=0, description="dilation of the edit mask in latent cells")
    inversion_guidance: bool = Field(
        True, description="move latents outside the edited region towards the inversion's"
    )
    reconstruction_guidance: bool = Field(
        False, description="move predicted x_0 outside the edited region towards the frame's"
    )
    recon_lr: float = Field(1.0, ge=0, le=1, description="step size of these two")
    recon_t: int = Field(400, description="they act at t < recon_t (-T: at t > T; 0: never)")
    cross_attention: Literal["refine", "replace"] = Field(
        "refine", description="refine: common words keep the source's maps; replace: word by word"
    )
    cross_replace: float = Field(
        0.8, ge=0, le=1, description="fraction of steps with controlled cross-attention"
    )
    self_replace: float = Field(
        0.6, ge=0, le=1, description="fraction of steps with the source's self-attention"
    )
    emphasis: float = Field(1.0, ge=0, description="factor for the attention to new words")
    local_blend: bool = Field(
        False, description="edit only regions that attend to new or removed words"
    )


class ProxEdit(TextToImageMethod[ProxEditOptions]):
    """ProxEdit: invert the input frame with a source prompt, then edit it with the action's label.

    Negative-prompt inversion (DDIM inversion whose source prompt is the negative prompt), proximal
    guidance on the difference of both predictions, inversion or reconstruction guidance outside the
    edited region, and prompt-to-prompt control of attention (arXiv 2208.01626).
    """

    Options = ProxEditOptions
    published_weights = (STABLE_DIFFUSION, *captioner_choice.PUBLISHED["base"][:1])

    def __init__(self, options: ProxEditOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        if (options.source_prompt == "caption") != (options.captioner is not None):
            raise BenchError(
                "-o source_prompt=caption and -o captioner=FOLDER go together; "
                "`bench models fetch blip-image-captioning-base` downloads such a folder."
            )

    @cached_property
    def captioner(self) -> Captioner | None:
        folder = self.options.captioner
        if folder is None:
            return None
        return TransformersCaptioner(snapshot_in(folder), Decoding(), self.context.device)

    @cached_property
    def attention(self) -> ControlledAttention:
        """The processor of all attention layers of the UNet."""
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
