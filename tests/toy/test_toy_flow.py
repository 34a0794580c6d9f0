"""The toy kitchen's optical flow: true flows, and `motion` by the toy RAFT on toy samples."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.flow_agreement import Motion
from egoactgen_bench.metrics.flow_network import load_flow
from egoactgen_bench.toy import stand_ins
from egoactgen_bench.toy.networks.flow_truth import SIZE, FlowPairs, true_pairs, varied_pairs
from egoactgen_bench.toy.networks.toy_raft import FILE
from egoactgen_bench.toy.world.filming import video_clips
from egoactgen_bench.toy.world.motion import PNR
from egoactgen_bench.toy.world.rendering import render


@pytest.fixture(scope="module")
def clips() -> list[Any]:
    return [clip for number in range(2) for clip in video_clips("val", number)]


@pytest.fixture(scope="module")
def pairs(clips: list[Any]) -> FlowPairs:
    return true_pairs(clips)


def differences(pairs: FlowPairs) -> tuple[torch.Tensor, torch.Tensor]:
    """Per pixel of the first frames: the difference of the second one, and of it moved back."""
    first, second = torch.from_numpy(pairs.frames).permute(1, 0, 4, 2, 3) / 255
    flows = torch.from_numpy(pairs.flow(np.arange(len(pairs)))).permute(0, 2, 3, 1)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    grid = (torch.stack([x, y], dim=-1) + 0.5 + flows) / (SIZE / 2) - 1
    moved = F.grid_sample(second, grid, align_corners=False)
    inside = (grid.abs() < 1).all(-1)
    return tuple((each - first).abs().mean(1)[inside] for each in (second, moved))


@pytest.mark.parametrize("kind", [true_pairs, lambda clips: varied_pairs(clips, seed=0)])
def test_true_flow_explains_the_second_frame(kind: Any, clips: list[Any]) -> None:
    """Apart from what is covered in the second frame, and from edges of half a pixel."""
    unmoved, moved = differences(kind(clips))
    assert moved.median() < 0.6 * unmoved.median()
    assert (moved > 0.2).float().mean() < 0.6 * (unmoved > 0.2).float().mean()


def test_every_part_that_moves_is_shown(pairs: FlowPairs) -> None:
    shown = set(np.unique(pairs.parts))
    assert {0, 1, 2, 3, 4, 5} <= shown
    assert max(shown) < pairs.motions.shape[1]


def test_equal_moments_have_no_flow(clips: list[Any]) -> None:
    still = true_pairs([replace(clip, pre15=PNR) for clip in clips[:2]])
    assert not still.flow(np.arange(2)).any()


@pytest.fixture(scope="module")
def frames(clips: list[Any]) -> list[tuple[Image.Image, Image.Image]]:
    """Input and target of each clip as in the data set, (256, 256)."""
    return [
        tuple(render(clip.moment(n), clip.camera(n), 256) for n in (clip.pre15, PNR))
        for clip in clips
    ]


def moved(frame: Image.Image, x: int, y: int) -> Image.Image:
    """The frame shifted by whole pixels; its edges are repeated."""
    padded = np.pad(np.asarray(frame), ((16, 16), (16, 16), (0, 0)), mode="edge")
    height, width = frame.height, frame.width
    return Image.fromarray(padded[16 - y : 16 - y + height, 16 - x : 16 - x + width])


@pytest.mark.parametrize("shift", [(6, 0), (0, -8), (-5, 10)])
def test_flow_of_a_shifted_frame(shift: tuple[int, int], frames: list[Any]) -> None:
    """The toy RAFT finds a shift in pixels of the frame, up to a tenth of a cell of 16 pixels."""
    network = load_flow(stand_ins.FOLDER / FILE)
    for frame, _ in frames[:3]:
        found = network.flow(frame, moved(frame, *shift))[:, 8:-8, 8:-8]
        np.testing.assert_allclose(np.median(found, axis=(1, 2)), shift, atol=1.6)


def values(frames: list[Any], outputs: list[Image.Image]) -> np.ndarray:
    metric = Motion(Options(), MetricContext(stand_ins.FOLDER))
    inputs, targets = zip(*frames, strict=True)
    return np.array(metric.measure(Batch({"input": inputs, "target": targets, "output": outputs})))


def test_ranking_of_outputs(frames: list[Any]) -> None:
    """The target, the target seen by a moved camera, and around 0 what shows no such motion."""
    noise = np.random.default_rng(0).integers(0, 256, (len(frames), 256, 256, 3), dtype=np.uint8)
    target = values(frames, [after for _, after in frames])
    near = values(frames, [moved(after, 2, 1) for _, after in frames])
    far = values(frames, [moved(after, 8, 6) for _, after in frames])
    copied = values(frames, [before for before, _ in frames])
    shaken = values(frames, [moved(before, 8, 6) for before, _ in frames])
    other = values(frames, [after for _, after in frames[1:] + frames[:1]])
    noisy = values(frames, [Image.fromarray(pixels) for pixels in noise])
    np.testing.assert_allclose(target, 1)
    assert (copied == 0).all()
    assert 1 > near.mean() > far.mean() > 0.2
    for wrong in (shaken, noisy):
        assert abs(wrong.mean()) < 0.2
    # In every target an arm comes in from below, so another sample's shares some of the motion.
    assert other.mean() < far.mean() - 0.2
    assert (noisy < near).all()
