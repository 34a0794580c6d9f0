"""Every registered metric fulfils the contract with small weights and has a readable signature."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

from contract_exceptions import built
from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.measurement.protocols import PROTOCOLS
from fake_judge import FakeJudge
from metric_contract import check_contract, drawn_items

NAMES = list(plugins.registered("metrics"))
# The batch size changes the order of float32 sums: a value may differ in its sixth digit.
TOLERANCE = 1e-5


def made(name: str, protocol: str | None = None, **context: Path) -> Metric:
    """A registered metric with the options of a protocol, by default of its first one."""
    metric = plugins.load("metrics", name)[0]
    variants = metric.variants()
    options = variants[protocol or next(iter(variants))]
    return metric(options, MetricContext(judge=FakeJudge(), **context))


def with_small_weights(name: str, folder: Path, workspace: Path) -> Metric:
    """A registered metric that can be measured; others fail unless they are on the list."""

    def build() -> Metric:
        metric = made(name, weights=folder, workspace=workspace)
        missing = metric.missing_weights()
        assert not missing, f"add small ones of {missing} to tests/helpers/small_weights.py"
        return metric

    return built("metrics", name, build)


@pytest.mark.parametrize("name", NAMES)
def test_declarations_of_a_metric(name):
    metric = plugins.load("metrics", name)[0]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert metric.label
    assert set(metric.variants()) <= set(PROTOCOLS)
    texts = {"action", "description", "truth", "boxes"}
    assert metric.needs <= {"output", "target", "input", *texts}
    for options in metric.variants().values():
        assert isinstance(options, metric.Options)


@pytest.mark.parametrize("name", NAMES)
def test_metric_fulfils_the_contract(name, small_weights, tmp_path):
    metric = with_small_weights(name, small_weights, tmp_path)
    check_contract(metric, tmp_path, rows_within=TOLERANCE if metric.weights() else 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_signature_is_readable(name, small_weights, tmp_path):
    signature = with_small_weights(name, small_weights, tmp_path).signature()
    assert signature.startswith(f"{name}|")
    assert all(":" in part for part in signature.split("|")[1:])


def test_psnr_of_real_frames_agrees_with_the_released_code(shared):
    golden = json.loads((shared / "golden" / "02_psnr_lpips.json").read_text())["psnr"]

    def frame(number: int) -> Image.Image:
        return Image.open(shared / "golden" / "frames" / f"frame_{number:03d}_456x256.png")

    outputs = [frame(number) for number in (0, 15, 45, 59, 30)]
    metric = made("psnr", "lego-release")
    rows = metric.measure(Batch({"target": [frame(30)] * 5, "output": outputs}))
    for position, number in ((0, 0), (1, 15), (3, 59)):
        assert rows[position, 0] == pytest.approx(golden[f"456x256/30-{number}"], abs=1e-4)
    average = golden["upstream_average_456x256_15_45_59"]
    assert metric.summarise(rows[1:4]) == pytest.approx(average, abs=1e-4)
    assert rows[4, 0] == metric.summarise(rows) == float(golden["identical_pair"])


def test_psnr_in_closed_form():
    dark, light = (Image.new("RGB", (8, 8), (level,) * 3) for level in (100, 110))
    row = made("psnr").measure(Batch({"output": [dark, dark], "target": [light, dark]}))
    assert row[0, 0] == pytest.approx(20 * np.log10(25.5))
    assert row[1, 0] == np.inf


def test_ssim_in_closed_form_and_by_its_definition():
    dark, light = (Image.new("RGB", (16, 12), (level,) * 3) for level in (100, 110))
    stabiliser = (0.01 * 255) ** 2
    wanted = (2 * 100 * 110 + stabiliser) / (100**2 + 110**2 + stabiliser)
    metric = made("ssim")
    assert metric.measure(Batch({"output": [dark], "target": [light]}))[0, 0] == pytest.approx(
        wanted
    )
    items = drawn_items(metric, 1)
    x, y = (np.asarray(items[role][0], float) for role in ("output", "target"))
    axis = np.arange(-5, 6)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))[..., None]
    window /= window.sum()

    def mean(image):
        return scipy.ndimage.convolve(image, window)[5:-5, 5:-5]

    mx, my = mean(x), mean(y)
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    wanted = (2 * mx * my + first) / (mx**2 + my**2 + first)
    wanted *= 2 * (mean(x * y) - mx * my) + second
    wanted /= mean(x * x) - mx**2 + mean(y * y) - my**2 + second
    assert metric.measure(Batch(items))[0, 0] == pytest.approx(wanted.mean())
