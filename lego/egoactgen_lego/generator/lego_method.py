"""LEGO (arXiv 2312.03849) as a method: a frame, a text and the VLLM's features → the action frame.

Sampling as in the paper's section 4: 100 Euler ancestral steps, guidance 7.5 (text), 1.5 (image).
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.latent_editor import EditorOptions, Features, LatentEditor
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_lego import toy
from egoactgen_lego.features.conditioning_names import LABELS, kinds_of
from egoactgen_lego.generator.live_features import FeatureOptions, LiveFeatures, open_features
from egoactgen_lego.generator.vllm_conditioning import (
    Conditioner,
    load_conditioner,
    read_conditioning,
)
from egoactgen_lego.published_lego_weights import LEGO_EGO4D, LEGO_EPIC_KITCHENS


class LEGOOptions(EditorOptions, FeatureOptions):
    """Options of LEGO; the defaults are the paper's."""

    prompt: Literal["auto", "action", "description"] = Field(
        "auto", description="text of the prompt; auto: the kind that the weights were trained on"
    )


class LEGO(LatentEditor[LEGOOptions]):
    """LEGO: latent diffusion on the input frame, its description and the VLLM's features.

    With a VLLM, descriptions that are not given are generated.
    """

    Options = LEGOOptions
    published_weights = (LEGO_EGO4D, LEGO_EPIC_KITCHENS)
    toy_weights = toy.WEIGHTS / "lego"

    @classmethod
    def suggested(cls, weights: Path | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
        asked = super().suggested(weights, chosen)
        if "features" in chosen:  # in place of the VLLM that the weights would take
            asked.pop("vllm", None)
        return asked

    def __init__(self, options: LEGOOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        self.conditioning, sizes = read_conditioning(self.folder / "conditioner")
        kinds = kinds_of(self.conditioning)
        if self.reads == "description" and not (context.described or options.vllm):
            raise BenchError(
                "These weights are conditioned on enriched descriptions: give --descriptions NAME "
                "(`bench lego enrich` writes them; for `bench imagine`, --description TEXT), "
                "or -o vllm=NAME to generate them, "
                "or -o prompt=action to use the action's label instead."
            )
        if self.reads == "action" and not kinds and options.vllm:
            raise BenchError(
                "These weights are conditioned on the action's label only, so that a VLLM has no "
                "effect: leave out -o vllm, or use its descriptions with -o prompt=description."
            )
        self.features = open_features(options, kinds, context.models, context.cache, context.device)
        if isinstance(self.features, LiveFeatures):
            _check_sizes(self.features.sizes(), sizes)

    @property
    def reads(self) -> Literal["action", "description"]:
        """Whether the prompt is the action's label or the description."""
        if self.options.prompt != "auto":
            return self.options.prompt
        return "action" if self.conditioning == LABELS else "description"

    @cached_property
    def conditioner(self) -> Conditioner:
        """What embeds the features that the conditioning names."""
        found = load_conditioner(self.folder / "conditioner")
        return found.to(self.context.device).requires_grad_(False)

    def uses_toy_weights(self) -> bool:
        return super().uses_toy_weights() or bool(self.features and self.features.toy_weights)

    def sources(self) -> dict[str, str]:
        return self.features.sources(self.context.sample_ids) if self.features else {}

    def notices(self) -> list[str]:
        count = len(self.features.written) if isinstance(self.features, LiveFeatures) else 0
        generated = (
            f"The VLLM '{self.options.vllm}' wrote {count} descriptions; they are the prompts in "
            "samples.csv."
        )
        return [*super().notices(), *([generated] if count else [])]

    def prompt(self, request: Request) -> str:
        return request.action if self.reads == "action" else self.description(request)

    def description(self, request: Request) -> str:
        """The request's description, else the VLLM's, else ""."""
        if request.description or not isinstance(self.features, LiveFeatures):
            return request.description or ""
        return self.features.describe(request)

    def features_of(self, request: Request) -> Features:
        if not self.prompt(request):
            raise SampleError("missing_description", "the descriptions do not contain this sample")
        if self.features is None:
            return {}
        sizes = self.conditioner.sizes
        if isinstance(self.features, LiveFeatures):
            reads = any(kind.reads_description for kind in self.features.kinds)
            text = self.description(request) if reads else ""
            return self.features.of(request.input, request.action, text, sizes)
        return self.features.of(request.sample_id, sizes)


def _check_sizes(given: dict[str, int], wanted: dict[str, int]) -> None:
    """Raise `BenchError` for a VLLM whose features have other sizes, before it is loaded."""
    for name, size in given.items():
        if wanted.get(name, size) != size:
            raise BenchError(
                f"The VLLM's features do not fit these weights: {name} is {size}, "
                f"expected {wanted[name]}."
            )
