"""RAFT's recipe: optical flow of rendered frames, whose true flow is known from their geometry.

The frames, of the first 4,000 clips, are seen at random times and through moved cameras, and partly
corrupted as generated images are. First the features are trained to match: with flow as the only
supervision, the network learns nothing within this budget. Then they are kept, and the rest learns
the flow.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from egoactgen_bench.metrics.flow_network import STRIDE, TOY_RAFT, load_flow
from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.networks.flow_truth import SIZE, FlowPairs, true_pairs, varied_pairs
from egoactgen_bench.toy.networks.toy_fitting import (
    TrainingConfig,
    TrainingResult,
    corrupted,
    drawn_batch,
    fit,
)
from egoactgen_bench.weights.stored_tensors import write_tensors

TRAINING = TrainingConfig(steps=6000, rate=1e-3, batch=4, decay=1e-4)
MATCHING = TrainingConfig(steps=1500, batch=4, decay=1e-4)
FILE = "raft.safetensors"
CLIPS = 4000  # fewer than the other recipes: each takes 30 ms to render, and 110 kB of memory
DECAY = 0.8  # of the weights of earlier iterations in the loss (Teed and Deng 2020, eq. 7)
CELLS = SIZE // STRIDE  # of the features, per side


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> TrainingResult:
    """Write `raft.safetensors`."""
    pairs = varied_pairs(drawn.clips[:CLIPS], seed=0)
    network, updates = TOY_RAFT.build(), TOY_RAFT.updates

    def match(number: int) -> Tensor:
        return _matching_loss(network, *_batch(pairs, MATCHING.batch))

    def step(number: int) -> Tensor:
        frames, truth = _batch(pairs, config.batch)
        found = network(*frames, num_flow_updates=updates)
        weights = (DECAY ** (updates - 1 - number) for number in range(updates))
        losses = ((each - truth).abs().mean() for each in found)
        return torch.stack([w * loss for w, loss in zip(weights, losses, strict=True)]).sum()

    first = fit(
        network.feature_encoder, match, MATCHING.shortened(min(MATCHING.steps, config.steps))
    )
    network.feature_encoder.requires_grad_(False)
    second = fit(network, step, config)
    write_tensors(folder / FILE, network.state_dict())
    return TrainingResult(config, round(first.seconds + second.seconds, 1), second.loss)


def _batch(pairs: FlowPairs, size: int) -> tuple[Tensor, Tensor]:
    """(2, size, 3, 128, 128) frames in [-1, 1] and (size, 2, 128, 128) flows, partly mirrored."""
    chosen = drawn_batch(len(pairs), size).numpy()
    first, second = torch.from_numpy(pairs.frames[chosen]).permute(1, 0, 4, 2, 3) / 255
    flows = torch.from_numpy(pairs.flow(chosen))
    second = torch.where(torch.rand(size, 1, 1, 1) < 0.4, corrupted(second), second)
    frames = torch.stack([first, second])
    mirrored = torch.rand(size) < 0.5
    frames[:, mirrored] = frames[:, mirrored].flip(-1)
    flows[mirrored] = flows[mirrored].flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    return 2 * frames - 1, flows


def _matching_loss(network: Any, frames: Tensor, flows: Tensor) -> Tensor:
    """Cross-entropy of the correlations with the cells where each cell of the first frame is."""
    features = network.feature_encoder(frames.flatten(0, 1)).chunk(2)
    network.corr_block.build_pyramid(*features)
    correlations = network.corr_block.corr_pyramid[0].view(-1, CELLS**2, CELLS**2)
    true, inside = _true_cells(flows)
    loss: Tensor = -(true * correlations.log_softmax(-1)).sum(-1)[inside].mean()
    return loss


def _true_cells(flows: Tensor) -> tuple[Tensor, Tensor]:
    """Flows (n, 2, 128, 128) between cells.

    Returns the weights (n, 256, 256) of the four cells around the end of each cell's mean flow, and
    which cells end inside the frame, (n, 256).
    """
    moved = F.avg_pool2d(flows, STRIDE) / STRIDE
    y, x = torch.meshgrid(torch.arange(CELLS), torch.arange(CELLS), indexing="ij")
    ends = torch.stack([x, y]) + moved
    corners = ends.floor()
    true = torch.zeros(len(flows), CELLS**2, CELLS**2)
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        cells = corners + torch.tensor(corner)[:, None, None]
        weights = (1 - (ends - cells).abs()).prod(dim=1)
        columns, rows = cells.clamp(0, CELLS - 1).long().unbind(1)
        true.scatter_add_(
            2, (rows * CELLS + columns).view(len(flows), -1, 1), weights.view(len(flows), -1, 1)
        )
    inside = ((ends >= 0) & (ends <= CELLS - 1)).all(dim=1)
    return true, inside.flatten(1)


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """Mean end-point error in pixels of 128 from input to target, and that of no flow at all."""
    network = load_flow(folder / FILE).network
    pairs = true_pairs(drawn.clips)
    errors, lengths = [], []
    for number in range(len(pairs)):
        truth = torch.from_numpy(pairs.flow(np.array([number])))
        frames = torch.from_numpy(pairs.frames[number]).permute(0, 3, 1, 2)[:, None] / 127.5 - 1
        with torch.inference_mode():
            found = network(*frames, num_flow_updates=TOY_RAFT.updates)[-1]
        errors.append((found - truth).norm(dim=1).mean().item())
        lengths.append(truth.norm(dim=1).mean().item())
    return {
        "end_point_error": round(float(np.mean(errors)), 4),
        "end_point_error_of_no_flow": round(float(np.mean(lengths)), 4),
    }
