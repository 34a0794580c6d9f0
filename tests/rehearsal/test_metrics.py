"""Every metric measures on a pretended GPU: the CPU's values, without a read for each sample."""

import numpy as np
import pytest
import torch
import torchvision

from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.captioning.captioner import Decoding
from egoactgen_bench.captioning.transformers_blip import TransformersCaptioner
from egoactgen_bench.metrics import inception_network, lpips_network
from fake_judge import FakeJudge
from inner_loops import check, in_loop
from listed_transfers import NOT_PRETENDED, WITHOUT_NETWORK
from metric_contract import chosen, drawn_items
from pretended_cuda import pretended_cuda
from small_blip import drawn_frames
from small_networks import ScriptedInception

NAMES = sorted(plugins.registered("metrics"))
EXEMPT = {name for kind, name in {**WITHOUT_NETWORK, **NOT_PRETENDED} if kind == "metrics"}


@pytest.fixture(autouse=True)
def _inception_in_python(monkeypatch):
    """TorchScript cannot run on the pretended device; the code around it can."""

    class Inception(ScriptedInception):
        def forward(self, pixels):
            return self.layers(pixels)

    def build(*_, **__):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Inception()

    monkeypatch.setattr(inception_network, "InceptionV3W", build)


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


def test_captions_read_once_per_word(small_weights):
    frames = drawn_frames(2)

    def caption(longest, device="cuda:0"):
        decoding = Decoding(shortest=longest - 1, longest=longest)
        folder = small_weights / "blip-image-captioning-base"
        found[device] = TransformersCaptioner(folder, decoding, device).caption(frames)

    found = {}
    check(in_loop(caption, 8, 10))
    caption(10, "cpu")
    assert found["cuda:0"] == found["cpu"]


@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_the_other_trunks_of_lpips(trunk):
    build = {"alex": torchvision.models.alexnet, "vgg": torchvision.models.vgg16}[trunk]
    state = {f"features.{name}": tensor for name, tensor in build().features.state_dict().items()}
    first, second = drawn_frames(4)[::2], drawn_frames(4)[1::2]

    def distances(device):
        network = lpips_network.build_lpips(trunk, state).to(device)
        sides = (lpips_network.embed(network, side, (64, 64), "-1..1") for side in (first, second))
        return lpips_network.distances(network, *sides)

    with pretended_cuda():
        pretended = distances("cuda:0")
    np.testing.assert_allclose(pretended, distances("cpu"), rtol=1e-4)
