"""CMMD compared with its published programs' steps: crop, resize, embedding and distance."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from torchvision import transforms

from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.metrics.cmmd import Cmmd
from metric_contract import drawn_items
from other_programs import transformers_clip


@pytest.fixture
def metric(small_weights: Path) -> Cmmd:
    return Cmmd(Cmmd.Options(), MetricContext(weights=small_weights))


@torch.inference_mode()
def test_it_agrees_with_transformers_and_scipy(metric: Cmmd, small_weights: Path) -> None:
    """The centre square, a bicubic resize, OpenAI's normalisation; a kernel of σ = 10."""
    from safetensors.torch import load_file

    items = drawn_items(metric, count=12, noise=120)
    model = transformers_clip(load_file(small_weights / "ViT-L-14-336px.safetensors"))
    finish = transforms.Compose(
        [
            transforms.Resize(64, transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(
                (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
            ),
        ]
    )
    sides = []
    for role in ("output", "target"):
        squares = [transforms.CenterCrop(min(frame.size))(frame) for frame in items[role]]
        found = model.get_image_features(pixel_values=torch.stack([finish(s) for s in squares]))
        features = getattr(found, "pooler_output", found).double().numpy()
        sides.append(features / np.linalg.norm(features, axis=1, keepdims=True))
    rows = metric.measure(Batch(items))
    assert_allclose(rows, np.hstack(sides), atol=1e-5)
    own, other, between = (
        np.exp(-cdist(a, b, "sqeuclidean") / 200).mean()
        for a, b in ((sides[0], sides[0]), (sides[1], sides[1]), (sides[0], sides[1]))
    )
    expected = own + other - 2 * between
    assert expected > 1e-5
    assert metric.summarise(rows) == pytest.approx(expected, rel=1e-3)


def test_it_has_no_interval(metric: Cmmd) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
    assert metric.interval(rows, np.arange(40)) is None
