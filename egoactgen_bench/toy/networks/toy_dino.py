"""DINOv2's recipe: a small vision transformer that predicts the objects in each patch.

With action labels only, a vision transformer learns too slowly for this budget; dense supervision
by object maps takes minutes. EgoVLP and BLIP are initialised from it.
"""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.metrics.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise
from egoactgen_bench.toy.networks.drawn_clips import SIZE, Drawn
from egoactgen_bench.toy.networks.frame_supervision import AuxiliaryHeads, FrameBatch, Supervision
from egoactgen_bench.toy.networks.neighbours import nearest_has_same_action
from egoactgen_bench.toy.networks.object_maps import KINDS, SIDE, maps
from egoactgen_bench.toy.networks.toy_fitting import TrainingConfig, TrainingResult, corrupted, fit
from egoactgen_bench.weights.stored_tensors import write_folder

TRAINING = TrainingConfig(steps=700, rate=1.5e-3)
FOLDER = "dinov2"
WIDTH, DEPTH = 96, 3  # one attention head: EgoVLP's are 64 channels wide, so this width has one


def config() -> Any:
    from transformers import Dinov2Config

    return Dinov2Config(
        hidden_size=WIDTH,
        num_hidden_layers=DEPTH,
        num_attention_heads=1,
        mlp_ratio=2,
        image_size=SIZE,
        patch_size=SIZE // SIDE,
    )


class _Learning(nn.Module):
    """The transformer with its heads for training."""

    def __init__(self) -> None:
        from transformers import Dinov2Model

        super().__init__()
        self.model = Dinov2Model(config())
        self.objects = nn.Linear(WIDTH, len(KINDS))
        self.heads = AuxiliaryHeads(WIDTH)

    def forward(self, frames: Tensor, batch: FrameBatch, covered: Tensor) -> Tensor:
        tokens = self.model(frames).last_hidden_state
        logits = self.objects(tokens[:, 1:]).transpose(1, 2)
        map_loss = F.binary_cross_entropy_with_logits(logits, covered.flatten(2))
        auxiliary_loss: Tensor = self.heads(tokens[:, 0], batch)
        return 10 * map_loss + auxiliary_loss


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> TrainingResult:
    """Write `dinov2/` in transformers' format."""
    from transformers import BitImageProcessor

    truth, covered = Supervision(drawn), maps(drawn)
    network = _Learning()

    def step(number: int) -> Tensor:
        batch = truth.batch(config.batch)
        corrupt = torch.rand(config.batch, 1, 1, 1) < 0.3
        frames = torch.where(corrupt, corrupted(batch.frames), batch.frames)
        target = covered[batch.clips, batch.done.long()].float()
        loss: Tensor = network(normalise(frames, IMAGENET_MEAN, IMAGENET_STD), batch, target)
        return loss

    result = fit(network, step, config)
    write_folder(folder / FOLDER, network.model)
    processor = BitImageProcessor(
        size={"height": SIZE, "width": SIZE},
        do_center_crop=False,
        image_mean=IMAGENET_MEAN,
        image_std=IMAGENET_STD,
    )
    processor.save_pretrained(folder / FOLDER)
    return result


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """Nearest-neighbour accuracy of frames after the action."""
    from egoactgen_bench.metrics.dino_network import DinoImages

    frames = [(Image.fromarray(frame),) for frame in drawn.frames[:, 1]]
    features = DinoImages(folder / FOLDER, "cpu").extract(frames)
    return nearest_has_same_action(torch.from_numpy(features), drawn)
