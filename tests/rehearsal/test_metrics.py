"""Every metric measures on a pretended GPU: the CPU's values, without a read for each sample."""

import numpy as np
import pytest

from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.metrics import inception_network
from fake_judge import FakeJudge
from inner_loops import check, in_loop
from listed_transfers import NOT_PRETENDED, WITHOUT_NETWORK
from metric_contract import chosen, drawn_items
from small_networks import ScriptedInception

NAMES = sorted(plugins.registered("metrics"))
EXEMPT = {name for kind, name in {**WITHOUT_NETWORK, **NOT_PRETENDED} if kind == "metrics"}


@pytest.fixture(autouse=True)
def _inception_in_python(monkeypatch):
    """TorchScript cannot run on the pretended device; the code around it can."""

    class Inception(ScriptedInception):
        def forward(self, pixels):
            return self.layers(pixels)

    monkeypatch.setattr(inception_network, "InceptionV3W", lambda *_, **__: Inception())


def variants(name):
    kind = plugins.load("metrics", name)[0]
    every = {f"{protocol}": options for protocol, options in kind.variants().items()}
    return [pytest.param(kind, options, id=f"{name}-{key}") for key, options in every.items()]


CASES = [case for name in NAMES if name not in EXEMPT for case in variants(name)]


def test_the_list_names_registered_metrics():
    assert set(NAMES) >= EXEMPT


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_a_metric(kind, options, small_weights, tmp_path):
    def measure(count, device="cuda:0"):
        context = MetricContext(
            weights=small_weights,
            workspace=tmp_path / f"{device}-{count}",
            device=device,
            judge=FakeJudge(),
        )
        metric = kind(options, context)
        rows[device].append(metric.measure(Batch(chosen(drawn_items(metric), range(count)))))

    rows = {"cuda:0": [], "cpu": []}
    found = in_loop(measure)
    for count in (2, 4):
        measure(count, "cpu")
    for ours, theirs in zip(rows["cuda:0"], rows["cpu"], strict=True):
        scale = np.maximum(1, np.abs(theirs).max(axis=0))
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-5)
    check(found)
