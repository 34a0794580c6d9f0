"""Metrics added from outside the repository: with weights of their own, and on features.

As in test_additions.py, the files are those of docs/plugins.md.
"""

import re
import shlex

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.numpy import save_file

from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from metric_contract import check_contract
from plugin_contract import check_declared

CHANNELS = np.array([0.2126, 0.7152, 0.0722], np.float32)
WITH_WEIGHTS = "A metric with weights of its own"


def advised(message):
    """The command in backticks in a message, as a shell would split it."""
    (command,) = re.findall(r"`(bench [^`]*)`", message)
    return command


@pytest.fixture
def published(publish, tmp_path):
    """The URL at which the weights of the page's metric are published."""
    folder = tmp_path / "published"
    folder.mkdir()
    save_file({"channels": CHANNELS}, folder / "channels.safetensors")
    return publish(folder)


def scores_of(tmp_path, metric):
    scores = pd.read_csv(tmp_path / "workspace/scores/drawn-val/standard/scores.csv")
    return scores[scores["metric"] == metric]


def pairs_of(runs, name):
    """The outputs of a run next to their targets, as arrays."""
    run, split = load_run(runs[name]), load_split(runs[name].parents[2] / "splits/drawn-val")
    targets = split.samples.set_index("sample_id")["target_frame"]
    return [
        (
            Image.open(run.image_path(row.image)),
            Image.open(split.frame_path(targets[row.sample_id])),
        )
        for row in run.samples.itertuples()
    ]


def test_a_metric_with_weights(outside, runs, published, tmp_path):
    heading = WITH_WEIGHTS
    section = outside.write(heading, **{"https://example.org": published})
    call = "bench score near --metrics brightness:Brightness,psnr"
    refused = outside.bench(*shlex.split(call)[1:])
    assert refused.status == 1
    assert section.output in refused.err.splitlines()
    assert len(scores_of(tmp_path, "psnr")) == 6, "the other metrics are computed"
    listed = "bench models list --plugin brightness:Brightness"
    row = r"channels.safetensors +\d+ [kM]?B +\S.* no\n    for brightness:Brightness\n"
    assert re.search(row, outside.run(listed).out)
    outside.run(advised(refused.err))
    for command in section.commands:
        result = outside.run(command)
        if "verify" in command:
            assert result.out.strip() == "channels.safetensors: unchanged"
    expected = [
        np.abs(np.subtract(*(np.asarray(image, float) for image in pair)) @ CHANNELS).mean()
        for pair in pairs_of(runs, "near")
    ]
    found = scores_of(tmp_path, "brightness")
    assert list(found[found["run"] == "near"]["value"]) == pytest.approx(expected, rel=1e-5)
    assert "|channels.safetensors:9dbf3ba4851f|safetensors:" in found["signature"].iloc[0]


def test_the_advice_names_the_folder_of_the_call(outside, runs, published, tmp_path):
    outside.write(WITH_WEIGHTS, **{"https://example.org": published})
    call = ("score", "near", "--metrics", "brightness:Brightness", "--weights-dir", "my weights")
    refused = outside.bench(*call)
    assert refused.status == 1
    outside.run(advised(refused.err))
    assert (outside.folder / "my weights/channels.safetensors").is_file()
    assert outside.bench(*call).status == 0
    assert not (tmp_path / "workspace/models").exists()


def test_a_registered_metric_with_weights(outside, runs, published, tmp_path):
    section = outside.write(WITH_WEIGHTS, **{"https://example.org": published})
    outside.install(section)
    listed = outside.run("bench metrics").out
    assert re.search(r"^brightness +lower +no +Mean absolute difference in", listed, re.MULTILINE)
    assert "channels.safetensors" in outside.run("bench models list").out
    refused = outside.bench("score", "near", "--metrics", "brightness")
    assert refused.status == 1
    assert advised(refused.err) == "bench models fetch channels.safetensors"
    outside.run(advised(refused.err))
    assert "channels.safetensors: unchanged" in outside.run("bench models verify").out
    outside.run("bench score near --metrics brightness")
    metric = plugins.find("metrics", "brightness")
    built = metric(metric.Options(), MetricContext(weights=tmp_path / "workspace/models"))
    check_contract(built, tmp_path)
    check_declared("metrics", "brightness", metric)


def test_a_changed_file_is_refused(outside, published, tmp_path):
    outside.write(WITH_WEIGHTS, **{"https://example.org": published})
    save_file({"channels": CHANNELS[::-1].copy()}, tmp_path / "published/channels.safetensors")
    fetch = ("models", "fetch", "channels.safetensors", "--plugin", "brightness:Brightness")
    refused = outside.bench(*fetch)
    assert refused.status == 2
    assert "differs from the known hash and was deleted" in refused.err


def test_metrics_on_features(outside, runs, tmp_path):
    section = outside.write("A metric on features")
    for command in section.commands:
        outside.run(command)
    histograms = np.array(
        [
            [
                [np.histogram(channel, 256, (0, 256))[0] / channel.size for channel in rgb]
                for rgb in (np.asarray(image).reshape(-1, 3).T for image in pair)
            ]
            for pair in pairs_of(runs, "far")
        ]
    )
    expected = np.abs(histograms[:, 0] - histograms[:, 1]).sum((1, 2)) / 6
    found = scores_of(tmp_path, "histogram")
    assert list(found[found["run"] == "far"]["value"]) == pytest.approx(list(expected), rel=1e-5)
    means = histograms.mean(0)
    found = scores_of(tmp_path, "mean_histogram").set_index("run")["value"]
    assert found["far"] == pytest.approx(np.abs(means[0] - means[1]).sum() / 6, rel=1e-5)
    assert found["near"] < found["far"]

    outside.install(section)
    listed = outside.run("bench metrics").out
    outside.run("bench score --metrics histogram,mean_histogram")
    for name in ("histogram", "mean_histogram"):
        assert re.search(rf"^{name} +\w+ +yes +Total variation between", listed, re.MULTILINE)
        metric = plugins.find("metrics", name)
        check_contract(metric(metric.Options(), MetricContext()), tmp_path / name)
        check_declared("metrics", name, metric)
