"""DINOv2's recipe: a small vision transformer that says of each patch what is there.

Taught by the action alone, a transformer of patches learns too slowly for this budget; told where
things are, it sees after minutes. EgoVLP and BLIP start from it.
"""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.metrics.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise
from egoactgen_bench.toy.networks.drawn_clips import SIZE, Drawn
from egoactgen_bench.toy.networks.frame_supervision import FrameBatch, Naming, Supervision
from egoactgen_bench.toy.networks.neighbours import nearest_has_same_action
from egoactgen_bench.toy.networks.object_maps import KINDS, SIDE, maps
from egoactgen_bench.toy.networks.toy_fitting import Fitted, TrainingConfig, disturbed, fit
from egoactgen_bench.weights.stored_tensors import write_folder

TRAINING = TrainingConfig(steps=700, rate=1.5e-3)
FOLDER = "dinov2"
WIDTH, DEPTH = 96, 3  # and one attention head, as EgoVLP has in so narrow a tower


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
    """The transformer with what it answers by."""

    def __init__(self) -> None:
        from transformers import Dinov2Model

        super().__init__()
        self.model = Dinov2Model(config())
        self.things = nn.Linear(WIDTH, len(KINDS))
        self.naming = Naming(WIDTH)

    def forward(self, frames: Tensor, batch: FrameBatch, covered: Tensor) -> Tensor:
        tokens = self.model(frames).last_hidden_state
        said = self.things(tokens[:, 1:]).transpose(1, 2)
        where = F.binary_cross_entropy_with_logits(said, covered.flatten(2))
        return 10 * where + self.naming(tokens[:, 0], batch)


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> Fitted:
    """Write `dinov2/` as transformers loads it."""
    from transformers import BitImageProcessor

    truth, covered = Supervision(drawn), maps(drawn)
    network = _Learning()

    def step(number: int) -> Tensor:
        batch = truth.batch(config.batch)
        spoilt = torch.rand(config.batch, 1, 1, 1) < 0.3
        frames = torch.where(spoilt, disturbed(batch.frames), batch.frames)
        there = covered[batch.clips, batch.done.long()].float()
        loss: Tensor = network(normalise(frames, IMAGENET_MEAN, IMAGENET_STD), batch, there)
        return loss

    fitted = fit(network, step, config)
    write_folder(folder / FOLDER, network.model)
    processor = BitImageProcessor(
        size={"height": SIZE, "width": SIZE},
        do_center_crop=False,
        image_mean=IMAGENET_MEAN,
        image_std=IMAGENET_STD,
    )
    processor.save_pretrained(folder / FOLDER)
    return fitted


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """How often the nearest other clip, by features of true frames, shows the same action."""
    from egoactgen_bench.metrics.dino_network import DinoImages

    frames = [(Image.fromarray(frame),) for frame in drawn.frames[:, 1]]
    seen = DinoImages(folder / FOLDER, "cpu").extract(frames)
    return nearest_has_same_action(torch.from_numpy(seen), drawn)
