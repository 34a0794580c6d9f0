"""Choosing SDEdit's strength by a sweep on a training split, for use by `bench run`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from egoactgen_baselines.sdedit import CHOICE, SDEdit, StrengthManifest
from egoactgen_bench.api import options
from egoactgen_bench.api.toy_weights import require_named
from egoactgen_bench.api.trainer import Trainer, TrainingContext
from egoactgen_bench.api.weights_folder import SHIPPED
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.sample_drawing import (
    draw_samples,
    drawing_record,
    drawing_sentence,
)
from egoactgen_bench.toy.stand_ins import folder_for


class StrengthOptions(options.Options):
    """Options of the sweep."""

    weights: str = Field(SHIPPED, description="Stable Diffusion's: a path, or a name in models/")
    strengths: str = Field(
        "0.3,0.4,0.5,0.6,0.7,0.8,0.9", description="strengths to try, separated by commas"
    )
    metric: str = Field("egovlp", description="metric of `bench score` to optimise")
    samples: int = Field(100, ge=1, description="number of samples, drawn from all videos")
    steps: int | None = Field(None, ge=1, description="as for `bench run --method sdedit`")
    guidance: float | None = Field(None, ge=0, description="as for `bench run --method sdedit`")

    @field_validator("strengths")
    @classmethod
    def _in_range(cls, text: str) -> str:
        if not all(0 <= float(word) <= 1 for word in text.split(",")):
            raise ValueError("strengths must be in 0 … 1")
        return text


class StrengthTrainer(Trainer[StrengthOptions]):
    """Chooses SDEdit's strength by a sweep on the training split; no weights are trained.

    The strength with the best mean of one metric is saved together with the name of the weights:
    `bench run --method sdedit --weights sdedit-SPLIT` uses both.
    """

    Options = StrengthOptions
    presets = {"toy": {}, "sd15": {}}  # noqa: RUF012  declared a ClassVar by Trainer
    packages = SDEdit.packages

    def __init__(self, options: StrengthOptions, context: TrainingContext) -> None:
        super().__init__(options, context)
        if context.split.manifest.subset != "train":
            raise BenchError(
                f"'{context.split.name}' is not a training split, and a strength chosen on a test "
                "split would be fitted to it: use a split of "
                "`bench prepare-splits --subset train`."
            )
        found = SDEdit.find_weights(options.weights, context.models)
        assert found is not None  # `weights` has a default
        if "weights" not in options.model_fields_set:
            require_named("sdedit", found, context.split.manifest.dataset, "-o weights=")
        self.weights: Path = found

    def sources(self) -> dict[str, str]:
        found = {"weights": provenance.content_digest(self.weights)}
        # Trainings of earlier versions, which took the first samples, differ in this.
        return found | ({"samples": drawing_sentence(self.drawn)} if self.drawn else {})

    @property
    def drawn(self) -> dict[str, Any] | None:
        """How the samples of the sweep are drawn; None if it uses all of the split."""
        split = self.context.split
        return drawing_record(len(split.samples), self.options.samples, self.context.seed)

    def train(self) -> dict[str, Any]:
        from egoactgen_bench.stages.run.run_method import run
        from egoactgen_bench.stages.score.score_runs import score
        from egoactgen_bench.stages.score.scoring_job import prepare

        chosen, folder = self.options, self.context.folder
        whole = self.context.split
        split = replace(
            whole, samples=draw_samples(whole.samples, chosen.samples, self.context.seed)
        )
        scoring: dict[str, Any] = {
            "metrics": [chosen.metric],
            "weights": folder_for(split.manifest.dataset, None, self.context.models),
            "device": self.context.device,
            "only": True,
            "overwrite": True,
        }
        # Check that the metric is available before anything is generated.
        job = prepare(split, [], folder / "scores", references=["copy-input"], **scoring)
        for reason in job.selection.failed.values():
            raise BenchError(reason)
        sampling = chosen.model_dump(include={"steps", "guidance"}, exclude_none=True)
        runs = {
            strength: run(
                "sdedit",
                split,
                folder / "runs" / f"strength-{strength}",
                models=self.context.models,
                weights=str(self.weights),
                options={"strength": strength, **sampling},
                seed=self.context.seed,
                device=self.context.device,
                progress=self.context.progress,
            )
            for strength in sorted({float(word) for word in chosen.strengths.split(",")})
        }
        scores = score(split, list(runs.values()), folder / "scores", **scoring)
        assert scores is not None  # None is returned only to ranks above 0
        values = scores.summary.set_index("run")[chosen.metric].astype(float)
        means = {strength: values[run.name] for strength, run in runs.items()}
        best = max if scores.metrics[chosen.metric].higher_is_better else min
        strength = best(means, key=lambda tried: means[tried])
        # A name, where it suffices: the models folder may be moved.
        sibling = self.weights.resolve().parent == folder.resolve().parent
        place = self.weights.name if sibling else str(self.weights.resolve())
        StrengthManifest(strength=strength, weights=place).save(folder / CHOICE)
        return {
            "summary": f"strength {strength} has the best {chosen.metric}, {means[strength]:.4g}",
            "strength": strength,
            "drawn": self.drawn,
            "means": {str(tried): mean for tried, mean in means.items()},
        }
