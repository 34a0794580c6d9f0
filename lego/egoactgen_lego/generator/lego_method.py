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
    """What can be chosen for LEGO; the defaults are the paper's."""

    prompt: Literal["auto", "action", "description"] = Field(
        "auto", description="the text; auto: the one that the weights were trained on"
    )


class LEGO(LatentEditor[LEGOOptions]):
    """LEGO: latent diffusion on the input frame, its description and the VLLM's features.

    With a VLLM it writes the descriptions that it is not given.
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
                "These weights read enriched descriptions: give --descriptions NAME "
                "(`bench lego enrich` writes them; a --description TEXT for `bench imagine`), "
                "or -o vllm=NAME to have them written, "
                "or -o prompt=action to feed them the action's label."
            )
        if self.reads == "action" and not kinds and options.vllm:
            raise BenchError(
                "These weights read the action's label alone, so that a VLLM adds nothing: leave "
                "out -o vllm, or feed them its descriptions with -o prompt=description."
            )
        self.features = open_features(options, kinds, context.models, context.cache, context.device)
        if isinstance(self.features, LiveFeatures):
            _check_sizes(self.features.sizes(), sizes)

    @property
    def reads(self) -> Literal["action", "description"]:
        """Which text the prompt is."""
        if self.options.prompt != "auto":
            return self.options.prompt
        return "action" if self.conditioning == LABELS else "description"

    @cached_property
    def conditioner(self) -> Conditioner:
        """What embeds the features that the conditioning names."""
        found = load_conditioner(self.folder / "conditioner")
        return found.to(self.context.device).requires_grad_(False)

    def sources(self) -> dict[str, str]:
        return self.features.sources(self.context.sample_ids) if self.features else {}

    def notices(self) -> list[str]:
        count = len(self.features.written) if isinstance(self.features, LiveFeatures) else 0
        told = f"The VLLM '{self.options.vllm}' wrote {count} descriptions: see the prompts."
        return [*super().notices(), *([told] if count else [])]

    def prompt(self, request: Request) -> str:
        return request.action if self.reads == "action" else self.description(request)

    def description(self, request: Request) -> str:
        """The request's own, else the VLLM's; empty where there is neither."""
        if request.description or not isinstance(self.features, LiveFeatures):
            return request.description or ""
        return self.features.describe(request)

    def features_of(self, request: Request) -> Features:
        if not self.prompt(request):
            raise SampleError("missing_description", "the descriptions have none for this sample")
        if self.features is None:
            return {}
        sizes = self.conditioner.sizes
        if isinstance(self.features, LiveFeatures):
            reads = any(kind.reads_description for kind in self.features.kinds)
            text = self.description(request) if reads else ""
            return self.features.of(request.input, request.action, text, sizes)
        return self.features.of(request.sample_id, sizes)


def _check_sizes(given: dict[str, int], wanted: dict[str, int]) -> None:
    """Refuse a VLLM that the weights were not trained with, before it is loaded."""
    for name, size in given.items():
        if wanted.get(name, size) != size:
            raise BenchError(
                f"The VLLM's features do not fit these weights: {name} is {size}, "
                f"wanted {wanted[name]}."
            )
