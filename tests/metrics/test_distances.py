"""Distances between sets of features, compared with closed forms and other programs."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from egoactgen_bench.metrics import frechet, kernel_distance
from egoactgen_bench.metrics.frechet import Moments, frechet_distance, root
from egoactgen_bench.metrics.kernel_distance import CubicKernel, GaussianKernel

KERNEL = CubicKernel()


@pytest.mark.parametrize(
    ("case", "first", "second"),
    [("iid", "iid_a", "iid_b"), ("correlated", "corr_a", "corr_b"), ("self", "iid_a", "iid_a")],
)
def test_frechet_distance_agrees_with_four_programs(
    golden: Path, case: str, first: str, second: str
) -> None:
    features = np.load(golden / "04_fid_features.npz")
    expected = json.loads((golden / "04_fid.json").read_text())["cases"][f"{case}_500x64"]
    found = frechet_distance(Moments.of(features[first]), Moments.of(features[second]))
    for program, value in expected.items():
        assert_allclose(found, value, rtol=1e-11, atol=1e-10, err_msg=program)


def test_frechet_distance_of_diagonal_gaussians_has_a_closed_form() -> None:
    generator = np.random.default_rng(0)
    means, variances = generator.normal(size=(2, 8)), generator.uniform(0, 3, size=(2, 8))
    variances[0, :4] = 0  # a covariance may be singular
    one, two = (Moments(m, root(np.diag(v))) for m, v in zip(means, variances, strict=True))
    expected = np.sum((means[0] - means[1]) ** 2)
    expected += np.sum((np.sqrt(variances[0]) - np.sqrt(variances[1])) ** 2)
    assert_allclose(frechet_distance(one, two), expected, rtol=1e-12)
    assert_allclose(frechet_distance(two, one), expected, rtol=1e-12)


def test_frechet_distance_of_fewer_samples_than_features() -> None:
    features = np.random.default_rng(1).normal(size=(2, 5, 40)).astype(np.float32)
    found = frechet_distance(Moments.of(features[0]), Moments.of(features[1]))
    # The root's trace is the nuclear norm of the product of the centred features.
    centred = [side.astype(float) - side.mean(axis=0, dtype=float) for side in features]
    nuclear = np.linalg.norm(centred[0] @ centred[1].T, "nuc") / 4
    shift = features[0].mean(axis=0, dtype=float) - features[1].mean(axis=0, dtype=float)
    expected = shift @ shift + sum(np.sum(side**2) for side in centred) / 4 - 2 * nuclear
    assert_allclose(found, expected, rtol=1e-6)


def test_moments_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(2).normal(5, 2, size=(50, 6)).astype(np.float32)
    monkeypatch.setattr(frechet, "ROWS_AT_ONCE", 7)
    fitted = Moments.of(features)
    assert_allclose(fitted.mean, features.astype(float).mean(axis=0), rtol=1e-12)
    assert_allclose(fitted.root.T @ fitted.root, np.cov(features.T.astype(float)), rtol=1e-10)


def test_kernel_distance_agrees_with_clean_fid(monkeypatch: pytest.MonkeyPatch) -> None:
    from cleanfid.fid import kernel_distance as clean_fid

    generator = np.random.default_rng(3)
    first, second = generator.normal(size=(40, 16)), generator.normal(0.4, 1.2, size=(40, 16))
    # The toolkit computes the distance on one subset that contains everything.
    expected = clean_fid(first, second, num_subsets=1, max_subset_size=40)
    assert_allclose(kernel_distance.unbiased_distance(KERNEL, first, second), expected, rtol=1e-10)
    monkeypatch.setattr(kernel_distance, "ROWS_AT_ONCE", 7)
    assert_allclose(kernel_distance.unbiased_distance(KERNEL, second, first), expected, rtol=1e-10)


def test_kernel_distance_of_one_distribution_is_unbiased() -> None:
    generator = np.random.default_rng(4)
    found = [
        kernel_distance.unbiased_distance(
            KERNEL, generator.normal(size=(20, 4)), generator.normal(size=(30, 4))
        )
        for _ in range(400)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0 < max(found)


def gaussian_sums(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The mean kernel of σ = 10 over all pairs, by SciPy's distances."""
    return float(np.exp(-cdist(first, second, "sqeuclidean") / 200).mean())


def test_biased_distance_agrees_with_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    first, second = generator.normal(size=(40, 16)), generator.normal(0.4, 1.2, size=(30, 16))
    expected = gaussian_sums(first, first) + gaussian_sums(second, second)
    expected -= 2 * gaussian_sums(first, second)
    kernel = GaussianKernel(sigma=10)
    assert_allclose(kernel_distance.biased_distance(kernel, first, second), expected, rtol=1e-10)
    monkeypatch.setattr(kernel_distance, "ROWS_AT_ONCE", 7)
    assert_allclose(kernel_distance.biased_distance(kernel, second, first), expected, rtol=1e-10)


def test_biased_distance_agrees_with_the_published_program() -> None:
    """`distance.mmd` of github.com/sayakpaul/cmmd-pytorch at f7673a9, given these as float64."""
    generator = np.random.default_rng(6)
    sides = [generator.normal(shift, 1, size=(64, 32)).astype(np.float32) for shift in (0, 0.2)]
    sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
    found = 1000 * kernel_distance.biased_distance(GaussianKernel(sigma=10), *sides)
    assert_allclose(found, 0.6710496831898727, rtol=1e-9)


def test_biased_distance_of_equal_sets_is_zero() -> None:
    features = np.random.default_rng(7).normal(size=(20, 8))
    kernel = GaussianKernel(sigma=10)
    assert kernel_distance.biased_distance(kernel, features, features) == pytest.approx(
        0, abs=1e-12
    )
    assert_allclose(np.diag(kernel.of_pairs(features, features)), kernel.of_each(features))
