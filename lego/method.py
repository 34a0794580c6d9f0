"""LEGO (arXiv 2312.03849) as a method: a frame, a text and the VLLM's features → the action frame.

Sampling as in the paper's section 4: 100 Euler ancestral steps, guidance 7.5 (text), 1.5 (image).
"""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from baselines.denoiser.editor import EditorOptions, Features, LatentEditor
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.methods import Setting
from egoactgen_bench.records import Request
from lego.conditioning import FEATURES, Conditioner, load_conditioner, read_conditioning
from lego.features import FeatureFolder


class LEGOOptions(EditorOptions):
    """What can be chosen for LEGO; the defaults are the paper's."""

    features: Path | None = Field(
        None, description="folder of the VLLM's features: image/ and text/<sample_id>.npy"
    )
    prompt: Literal["auto", "action", "description"] = Field(
        "auto", description="the text; auto: the one that the weights were trained on"
    )


class LEGO(LatentEditor[LEGOOptions]):
    """LEGO: latent diffusion on the input frame, its description and the VLLM's features."""

    Options = LEGOOptions

    def __init__(self, options: LEGOOptions, setting: Setting) -> None:
        super().__init__(options, setting)
        self.conditioning, _ = read_conditioning(self.folder / "conditioner")
        if self.reads == "description" and not setting.described:
            raise BenchError(
                "These weights read enriched descriptions: give --descriptions NAME "
                "(`bench lego enrich` writes them; a --description TEXT for `bench imagine`), "
                "or -o prompt=action to feed them the action's label."
            )
        self.features = self._open_features()

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

    def sources(self) -> dict[str, str]:
        return {"features (names and sizes)": self.features.fingerprint()} if self.features else {}

    def prompt(self, request: Request) -> str:
        return request.action if self.reads == "action" else request.description or ""

    def features_of(self, request: Request) -> Features:
        if not self.prompt(request):
            raise SampleError("missing_description", "the descriptions have none for this sample")
        if self.features is None:
            return {}
        return self.features.of(request.sample_id, self.conditioner.sizes)

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
