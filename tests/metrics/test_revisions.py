"""Which code changes invalidate cached results, and which do not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import metric_code
from drawn_metrics import Counting, named
from drawn_runs import in_process, write_run
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Batch, Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.psnr import Psnr
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.row_store import FeatureCache


def test_code_of_metrics_is_unchanged_or_recorded():
    """If this fails, follow the docstring of tests/helpers/metric_code.py."""
    before, now = metric_code.recorded(), metric_code.present()
    assert now.keys() == before.keys()
    changed = sorted(name for name in now if now[name] != before[name])
    assert changed == [], "the code behind these metrics changed: see tests/helpers/metric_code.py"


def test_comments_and_docstrings_do_not_change_a_hash():
    code = '"""A square."""\n\n\ndef square(side):\n    """Its area."""\n    return side**2\n'
    reworded = code.replace("Its area", "Side²").replace("return", "# no root\n    return")
    assert metric_code.code_hash(reworded) == metric_code.code_hash(code)
    assert metric_code.code_hash(code.replace("**2", "**3")) != metric_code.code_hash(code)


@pytest.fixture
def choices(drawn_split, tmp_path):
    write_run(drawn_split, "near", noise=4)
    Counting.calls.clear()
    yield {"workspace": tmp_path / "workspace", "metrics": [named(Counting), "psnr"]}
    Counting.calls.clear()


def test_a_new_revision_invalidates_only_its_metric_and_a_release_nothing(
    drawn_split, tmp_path, monkeypatch, choices
):
    def measured() -> int:
        return in_process(drawn_split, tmp_path / "out", **choices).manifest.timing.measured_values

    assert measured() == 12
    for module in ("egoactgen_bench", "egoactgen_bench.support.provenance"):
        monkeypatch.setattr(f"{module}.__version__", "9.9.9")
    assert measured() == 0
    monkeypatch.setattr(Counting, "revision", 2)
    Counting.calls.clear()
    assert (measured(), sum(Counting.calls)) == (6, 6)
    assert measured() == 0


def test_rows_of_0_1_0_are_found(drawn_split, tmp_path, choices):
    """In 0.1.0 the signature ended in the toolkit's version; rows of revision 1 are the same."""
    scores = in_process(drawn_split, tmp_path / "out", **choices)
    assert scores.manifest.metrics["psnr"].signature == "psnr|resize:lanczos|range:255|r:1"
    kept = {path.name for path in (tmp_path / "workspace/cache/measured").iterdir()}
    assert sha256_bytes(b"psnr|resize:lanczos|range:255|v:0.1.0")[:24] in kept


class Mean(Extractor):
    """The mean of a frame."""

    def __init__(self) -> None:
        self.seen = 0

    def signature(self) -> str:
        return "mean"

    def extract(self, items):
        self.seen += len(items)
        return np.array([[np.asarray(frame).mean()] for (frame,) in items], np.float32)


class OfMeans(Metric[Options]):
    name, label, higher_is_better = "of_means", "Of means", True

    def measure(self, batch):
        return batch.features(self.extractor, "target")


def test_new_revision_of_an_extractor_recomputes_its_features(tmp_path: Path, monkeypatch):
    frames = [Image.new("RGB", (8, 8), level) for level in ("red", "blue")]
    metric = OfMeans(Options(), MetricContext())
    metric.extractor = Mean()

    def measure() -> int:
        metric.extractor.seen = 0
        metric.measure(Batch({"target": frames}, FeatureCache(tmp_path)))
        return metric.extractor.seen

    assert [measure(), measure()] == [2, 0]
    monkeypatch.setattr(Mean, "revision", 2)
    assert [measure(), measure()] == [2, 0]


def test_rows_are_shared_only_by_equal_revisions(monkeypatch):
    from egoactgen_bench.metrics.fid import Fid
    from egoactgen_bench.metrics.kid import Kid
    from egoactgen_bench.toy import stand_ins

    fid, kid = (metric(metric.Options(), MetricContext(stand_ins.FOLDER)) for metric in (Fid, Kid))
    assert fid.measurement() == kid.measurement()
    monkeypatch.setattr(Kid, "revision", 2)
    assert fid.measurement() != kid.measurement()


def test_signature_contains_the_revision(monkeypatch):
    metric = Psnr(Psnr.Options(), MetricContext())
    before = metric.signature()
    monkeypatch.setattr(Psnr, "revision", 2)
    assert (before[-4:], metric.signature()[-4:]) == ("|r:1", "|r:2")
    assert metric.measurement() == metric.signature()
