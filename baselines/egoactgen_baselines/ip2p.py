"""InstructPix2Pix (arXiv 2211.09800): the input frame and the action's label → the action frame.

Guidance by both conditions is the paper's equation 3. The LEGO paper (arXiv 2312.03849) finetunes
it end to end on the same frames and samples as for LEGO: 100 Euler ancestral steps, scales 7.5 and
1.5.
"""

from egoactgen_baselines import toy
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.latent_editor import EditorOptions, LatentEditor
from egoactgen_bench.diffusion.finetuning.denoiser_trainer import DenoiserTrainer
from egoactgen_bench.diffusion.finetuning.training_options import FinetuningOptions
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json


class InstructPix2Pix(LatentEditor[EditorOptions]):
    """InstructPix2Pix: latent diffusion conditioned on the input frame and the action's label."""

    Options = EditorOptions
    toy_weights = toy.FOLDER / "ip2p"

    def __init__(self, options: EditorOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        config = self.folder / "conditioner" / "config.json"
        conditioning = read_json(config).get("conditioning") if config.is_file() else "labels"
        if conditioning != "labels":
            raise BenchError(
                f"The weights {self.folder.name} are conditioned on more than the action's label "
                f"(conditioning {conditioning}): use --method lego."
            )

    def prompt(self, request: Request) -> str:
        return request.action


class InstructPix2PixTrainer(DenoiserTrainer[FinetuningOptions]):
    """InstructPix2Pix: finetunes the UNet to generate the target from input frame and label."""

    Options = FinetuningOptions
    pipeline = "StableDiffusionInstructPix2PixPipeline"
    toy_weights = toy.FOLDER / "ip2p"
