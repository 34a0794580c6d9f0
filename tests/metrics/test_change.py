"""The metric `change` ranks copies, targets, blends and noise correctly."""

import numpy as np
import pytest
from PIL import Image

from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.change import Change, change_shown


def scene(seed: int) -> np.ndarray:
    """A smooth image, (64, 96, 3) uint8."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((96, 64), Image.Resampling.BICUBIC))


def after(before: np.ndarray) -> np.ndarray:
    """The scene with its centre replaced."""
    changed = before.copy()
    changed[16:48, 24:72] = scene(99)[16:48, 24:72]
    return changed


def test_ranking_of_copy_target_and_noise() -> None:
    before = scene(0)
    target = after(before)
    noise = np.random.default_rng(1).integers(0, 256, before.shape, dtype=np.uint8)
    grey = np.full_like(before, 128)
    assert change_shown(before, before, target) == 0
    assert change_shown(before, target, target) == 1
    assert -1 < change_shown(before, noise, target) < -0.3
    assert change_shown(before, grey, target) < 0
    assert change_shown(before, scene(5), target) < 0


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_blend_scores_its_share_of_the_target(share: float) -> None:
    before = scene(0)
    target = after(before)
    blend = np.rint((1 - share) * before + share * target).astype(np.uint8)
    assert change_shown(before, blend, target) == pytest.approx(share, abs=5e-3)


def test_only_an_unchanged_output_is_right_where_nothing_changes() -> None:
    still = scene(0)
    assert change_shown(still, still, still) == 0
    assert change_shown(still, scene(1), still) == -1


def test_outputs_are_resized_to_the_target() -> None:
    before = scene(0)
    frames = {
        "input": [Image.fromarray(before)] * 2,
        "target": [Image.fromarray(after(before))] * 2,
        "output": [Image.fromarray(before), Image.fromarray(before).resize((48, 32))],
    }
    values = Change(Options(), MetricContext()).measure(Batch(frames))  # type: ignore[arg-type]
    assert values.shape == (2, 1)
    assert values[0, 0] == 0
    assert -0.5 < values[1, 0] < 0
