"""InstructPix2Pix (arXiv 2211.09800): the input frame and the action's label → the action frame.

Guidance over both conditions is the paper's equation 3; the LEGO paper (arXiv 2312.03849) finetunes
it end to end on the same frames, and samples it as LEGO: 100 Euler ancestral steps, 7.5 and 1.5.
"""

from baselines.denoiser.editor import EditorOptions, LatentEditor
from baselines.finetuning.options import FinetuningOptions
from baselines.finetuning.trainer import DenoiserTrainer
from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import read_json
from egoactgen_bench.methods import Setting
from egoactgen_bench.records import Request


class InstructPix2Pix(LatentEditor[EditorOptions]):
    """InstructPix2Pix: latent diffusion on the input frame and the action's label."""

    Options = EditorOptions

    def __init__(self, options: EditorOptions, setting: Setting) -> None:
        super().__init__(options, setting)
        config = self.folder / "conditioner" / "config.json"
        conditioning = read_json(config).get("conditioning") if config.is_file() else "labels"
        if conditioning != "labels":
            raise BenchError(
                f"The weights {self.folder.name} were trained on more than the action's label "
                f"(conditioning {conditioning}): run them with --method lego."
            )

    def prompt(self, request: Request) -> str:
        return request.action


class InstructPix2PixTrainer(DenoiserTrainer[FinetuningOptions]):
    """InstructPix2Pix: the UNet learns the target frame from the input frame and the label."""

    Options = FinetuningOptions
    pipeline = "StableDiffusionInstructPix2PixPipeline"
