"""Stable Diffusion (arXiv 2112.10752) finetuned on egocentric frames: label → action frame.

It is not conditioned on the input frame. SDEdit and ProxEdit, baselines of the LEGO paper (arXiv
2312.03849), are based on it.
"""

from typing import Any, ClassVar

from egoactgen_baselines import toy
from egoactgen_bench.diffusion.finetuning.denoiser_trainer import DenoiserTrainer
from egoactgen_bench.diffusion.finetuning.training_options import FinetuningOptions


class StableDiffusionTrainer(DenoiserTrainer[FinetuningOptions]):
    """Text-to-image on target frames and labels; SDEdit and ProxEdit are based on it."""

    Options = FinetuningOptions
    pipeline = "StableDiffusionPipeline"
    sampling: ClassVar[dict[str, Any]] = {"steps": 20, "guidance": 2.5}
    toy_weights = toy.FOLDER / "sd"
    channels = 1
