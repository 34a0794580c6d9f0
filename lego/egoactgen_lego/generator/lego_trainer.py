"""Training LEGO's denoiser: σ, μ and π of equation (1) are trained together with the UNet.

The LEGO paper (arXiv 2312.03849) finetunes everything but the text encoder. Its released code keeps
σ, μ and π as they were initialised, as `train_conditioner=false` does.
"""

from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator
from torch import nn

from egoactgen_bench.api.trainer import TrainingContext
from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_bench.diffusion.finetuning.denoiser_costs import FeatureSizes
from egoactgen_bench.diffusion.finetuning.denoiser_trainer import DenoiserTrainer
from egoactgen_bench.diffusion.finetuning.denoising_samples import FeatureSource
from egoactgen_bench.diffusion.finetuning.frame_latents import Pair
from egoactgen_bench.diffusion.finetuning.training_options import (
    NON_SEMANTIC,
    SD15,
    TOY,
    FinetuningOptions,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.seeds import derive_seed, seeded, torch_generator
from egoactgen_lego import toy
from egoactgen_lego.features.conditioning_names import LABELS, canonical, kinds_of
from egoactgen_lego.generator.live_features import (
    FeatureOptions,
    LiveFeatures,
    planned_sizes,
)
from egoactgen_lego.generator.training_features import (
    ComputedFeatures,
    FeatureFiles,
    open_for_training,
)
from egoactgen_lego.generator.vllm_conditioning import (
    Conditioner,
    load_conditioner,
    read_conditioning,
    save_conditioner,
)


class LEGOTrainingOptions(FinetuningOptions, FeatureOptions):
    """How LEGO's denoiser is trained."""

    conditioning: str = Field(
        "joint",
        description="labels, descriptions, image, text, joint (the rows of the paper's Table 3), "
        "or feature kinds joined by +, as in joint+depth",
    )
    keep_features: bool = Field(
        True, description="with a VLLM: compute each sample's features once, and cache them"
    )
    train_conditioner: bool = Field(
        True,
        description="train and average σ, μ, π (paper); false: keep the initial ones (released)",
    )
    conditioner_init: Literal["xavier", "released"] = Field(
        "xavier",
        description="of σ, μ, π: Xavier (paper), or PyTorch's defaults with identical layers in π, "
        "as in the released code",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout in π, as in the released code")

    @field_validator("conditioning")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            return canonical(value)
        except BenchError as error:
            raise ValueError(str(error).removesuffix(".")) from None


class LEGOTrainer(DenoiserTrainer[LEGOTrainingOptions]):
    """LEGO: the UNet, conditioned on the input frame, the description and the VLLM's features."""

    Options = LEGOTrainingOptions
    presets: ClassVar[Any] = {"toy": TOY | {"dropout": 0.0}, "sd15": SD15}
    non_semantic_options = NON_SEMANTIC | {"keep_features"}
    toy_weights = toy.WEIGHTS / "lego"

    def __init__(self, options: LEGOTrainingOptions, context: TrainingContext) -> None:
        super().__init__(options, context)
        kinds = kinds_of(options.conditioning)
        if options.conditioning != LABELS and context.descriptions is None:
            raise BenchError(
                f"conditioning={options.conditioning} needs enriched descriptions: give "
                "--descriptions NAME (or -o conditioning=labels to train on the action's label)."
            )
        self.features = open_for_training(options, kinds, context) if kinds else None
        found = self.features.sizes() if self.features else {}
        self.sizes = {kind.tokens_name: kind.tokens for kind in kinds if kind.tokens} | found

    @classmethod
    def planned_conditioner(
        cls, options: LEGOTrainingOptions, context: TrainingContext, width: int
    ) -> tuple[Conditioner, FeatureSizes]:
        sizes = planned_sizes(options, options.conditioning, context.models, context.split)
        planned = Conditioner(
            options.conditioning, width=width, feed_forward=width * 8 // 3, **sizes
        )
        return planned, planned.feature_sizes

    def sources(self) -> dict[str, str]:
        found = self.features.sources(self._rows) if self.features else {}
        return super().sources() | found

    def prompts(self) -> list[str]:
        if self.options.conditioning == LABELS:
            return super().prompts()
        assert self.context.descriptions is not None
        texts = self.context.descriptions.texts
        return [texts.get(sample_id, "") for sample_id in self.context.split.samples["sample_id"]]

    def lacks(self, pair: Pair) -> str | None:
        files = None if isinstance(self.features, LiveFeatures) else self.features
        return (files and files.lacks(pair.sample_id)) or super().lacks(pair)

    def conditioner(self, width: int) -> Conditioner:
        """σ, μ and π of the weights to start from, if those have the same features and sizes.

        Otherwise new ones, by `conditioner_init`; the feed-forward layers of π are 8/3 as wide as
        Stable Diffusion's text encoder.
        """
        found = self._known() or self._drawn(width)
        return found.requires_grad_(self.options.train_conditioner).train()

    def _known(self) -> Conditioner | None:
        folder = self.init / "conditioner" if self.init else None
        if folder is None or not folder.is_dir():
            return None
        conditioning, sizes = read_conditioning(folder)
        if conditioning != self.options.conditioning or not self.sizes.items() <= sizes.items():
            return None
        return load_conditioner(folder, self.options.dropout)

    def _drawn(self, width: int) -> Conditioner:
        with seeded(derive_seed(self.context.seed, "conditioner modules")):
            conditioner = Conditioner(
                self.options.conditioning,
                width=width,
                feed_forward=width * 8 // 3,
                dropout=self.options.dropout,
                **self.sizes,
            )
        if self.options.conditioner_init == "released":
            return conditioner  # its layers in π are copies of one
        draw = torch_generator(derive_seed(self.context.seed, "conditioner"))
        for name, parameter in conditioner.named_parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter, generator=draw)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        return conditioner

    def feature_source(self) -> FeatureSource:
        if self.features is None:
            return super().feature_source()
        if not isinstance(self.features, LiveFeatures):
            return FeatureFiles(self.features, self.sizes)
        assert self.context.descriptions is not None
        texts = self.context.descriptions.texts
        return ComputedFeatures(self.features, self.sizes, self.context.split, self._rows, texts)

    @cached_property
    def _rows(self) -> dict[Any, dict[Any, Any]]:
        """The split's samples by id."""
        return self.context.split.samples.set_index("sample_id").to_dict("index")

    def save(self, model: LatentModel, conditioner: Any) -> None:
        super().save(model, conditioner)
        save_conditioner(conditioner, self.context.folder / "conditioner")
