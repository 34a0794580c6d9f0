"""FD-DINOv2 compared with torch-fidelity's, and with SciPy's matrix root."""

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.testing import assert_allclose
from PIL import Image

from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.metrics.dino_squares import DinoSquares
from egoactgen_bench.metrics.fd_dinov2 import SIZE, FdDinov2
from metric_contract import drawn_items
from other_programs import timm_dino
from small_networks import small_dino

Items = dict[Any, list[Any]]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    small_dino(folder / "dinov2-large")
    return folder


@pytest.fixture(scope="module")
def metric(weights: Path) -> FdDinov2:
    return FdDinov2(FdDinov2.Options(), MetricContext(weights=weights))


@pytest.fixture(scope="module")
def items(metric: FdDinov2) -> Items:
    """Frames that need no resize, which torch-fidelity does bilinearly."""
    drawn = drawn_items(metric, count=12, noise=60)
    return {
        role: [frame.resize((SIZE, SIZE)) for frame in drawn[role]]  # type: ignore[union-attr]
        for role in ("output", "target")
    }


def test_it_agrees_with_torch_fidelity(
    metric: FdDinov2, weights: Path, items: Items, tmp_path: Path
) -> None:
    import torch_fidelity

    for role, frames in items.items():
        (tmp_path / role).mkdir()
        for number, frame in enumerate(frames):
            frame.save(tmp_path / role / f"{number}.png")
    network = timm_dino(weights / "dinov2-large")
    with mock.patch.object(torch.hub, "load", lambda *_: network):
        expected = torch_fidelity.calculate_metrics(
            input1=str(tmp_path / "output"),
            input2=str(tmp_path / "target"),
            feature_extractor="dinov2-vit-l-14",
            fid=True,
            cuda=False,
            cache=False,
            verbose=False,
            save_cpu_ram=True,
        )["frechet_inception_distance"]
    found = metric.summarise(metric.measure(Batch(items)))
    assert expected > 0.01
    assert found == pytest.approx(expected, rel=1e-4)


def test_it_agrees_with_a_matrix_root(metric: FdDinov2) -> None:
    generator = np.random.default_rng(0)
    sides = [generator.normal(mean, 1 + mean, size=(200, 12)) for mean in (0, 0.3)]
    covariances = [np.cov(side.T) for side in sides]
    shift = sides[0].mean(axis=0) - sides[1].mean(axis=0)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    expected = shift @ shift + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    assert metric.distance(*sides) == pytest.approx(expected, rel=1e-9)


def test_frames_are_squashed_as_in_the_papers_program(weights: Path) -> None:
    """torchvision's resize of an image to two sides, then ImageNet's normalisation (dgm-eval)."""
    from torchvision import transforms

    frame = drawn_items(FdDinov2, count=1)["output"][0]  # type: ignore[arg-type]
    assert isinstance(frame, Image.Image)
    prepare = transforms.Compose(
        [
            transforms.Resize((SIZE, SIZE), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    with torch.inference_mode():
        expected = timm_dino(weights / "dinov2-large")(prepare(frame)[None])
    found = DinoSquares(weights / "dinov2-large", SIZE, "cpu").extract([(frame,)])
    assert_allclose(found, expected, atol=1e-4)
