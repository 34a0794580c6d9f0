"""The contract of every metric, ours or third-party: a row depends only on its sample.

    check_contract(my_metric, rows_within=1e-6)

checks batch size, order, shards, batches shared with other runs, and, for a metric of pairs,
identity and direction.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch, Role
from egoactgen_bench.support.row_store import FeatureCache

ACTIONS = ("open drawer", "take mug", "cut onion", "pour water", "close door", "wash pan")
PLACES = {"left_hand": (4, 8, 30, 24), "object": (30, 16, 24.5, 30), "tool": (60, 40, 12, 20)}
BOXES = json.dumps(
    {
        "target": [
            {"kind": kind} | dict(zip(("x", "y", "width", "height"), place, strict=True))
            for kind, place in PLACES.items()
        ]
    }
)
Item = Image.Image | str


def drawn_items(
    metric: Metric, count: int = 6, noise: float = 20, seed: int = 0
) -> dict[Role, list[Item]]:
    """Synthetic samples: colour fields of two sizes, outputs with noise, texts."""
    generator = np.random.default_rng(seed)
    items: dict[Role, list[Item]] = {role: [] for role in metric.needs}
    for index in range(count):
        size = (96, 64) if index % 3 else (80, 64)
        frames = {}
        for role in ("input", "target"):
            small = generator.integers(0, 256, (4, 6, 3), dtype=np.uint8)
            frames[role] = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
        disturbed = np.asarray(frames["target"], float)
        disturbed = disturbed + noise * generator.normal(size=disturbed.shape)
        output = Image.fromarray(np.clip(disturbed, 0, 255).astype(np.uint8))
        action = ACTIONS[index % len(ACTIONS)]
        truth = json.dumps({"action": action, "hand": "left", "x": 0.5, "y": 0.5})
        texts = {
            "action": action,
            "description": f"Both hands {action} slowly.",
            "truth": truth,
            "boxes": BOXES,
        }
        every: dict[str, Item] = {**frames, **texts, "output": output}
        for role in metric.needs:
            items[role].append(every[role])
    return items


def chosen(items: dict[Role, list[Item]], positions: Sequence[int]) -> dict[Role, list[Item]]:
    return {role: [each[position] for position in positions] for role, each in items.items()}


def check_contract(metric: Metric, folder: Path, rows_within: float = 1e-6) -> None:
    """Assert the contract; rows may differ by `rows_within` of their scale (float32 reordering)."""
    items = drawn_items(metric)
    rows = metric.measure(Batch(items))
    assert rows.ndim == 2 and len(rows) == 6, f"rows of shape {rows.shape} for 6 samples"
    assert rows.dtype in (np.float32, np.float64)
    assert np.isfinite(rows).all()
    scale = np.maximum(1.0, np.abs(rows).max(axis=0))  # of each column: some hold keys, not values

    def assert_same(positions: Sequence[int], batch: Batch, what: str) -> None:
        found, expected = metric.measure(batch) / scale, rows[list(positions)] / scale
        np.testing.assert_allclose(found, expected, rtol=0, atol=rows_within, err_msg=what)

    for position in range(len(rows)):
        assert_same([position], Batch(chosen(items, [position])), "batch size")
    for positions, what in (([5, 2, 0, 4, 1, 3], "order"), ([1, 3, 5], "shard"), ([0, 0], "twice")):
        assert_same(positions, Batch(chosen(items, positions)), what)
    for what in ("cache", "cache, again"):
        assert_same(range(6), Batch(items, FeatureCache(folder / "features")), what)
    across: dict[str, object] = {}
    metric.measure(Batch(drawn_items(metric, noise=60), FeatureCache(), across))
    assert_same(range(6), Batch(items, FeatureCache(), across), "after another run")
    _check_summary(metric)


def _check_summary(metric: Metric) -> None:
    """The target scores best, noise makes it worse, and more noise worse still.

    A metric that compares with a text or a fact may rank the target anywhere.
    """
    if "target" not in metric.needs or metric.needs & {"action", "description", "truth"}:
        return
    batches = [Batch(drawn_items(metric, noise=noise)) for noise in (0, 10, 80)]
    values = [metric.summarise(metric.measure(batch)) for batch in batches]
    sign = 1 if metric.higher_is_better else -1
    assert sign * values[0] >= sign * values[1] > sign * values[2], values
