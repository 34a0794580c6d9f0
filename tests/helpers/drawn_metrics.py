"""Metrics without networks, for tests of the code around metrics."""

import numpy as np

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.errors import SampleError


class Counting(Metric[Options]):
    """The mean of the output; counts the measured batches."""

    name, label = "counting", "Counting"
    higher_is_better = True
    calls: list[int] = []  # noqa: RUF012

    def measure(self, batch):
        self.calls.append(len(batch))
        return np.array([[np.asarray(image).mean()] for image in batch.images("output")])


class Failing(Counting):
    """NaN for one sample, a `SampleError` for another."""

    name = "failing"

    def measure(self, batch):
        rows = np.array([[np.asarray(image).mean()] for image in batch.images("output")])
        actions = batch.texts("action")
        if "cut onion" in actions and len(batch) == 1:
            raise SampleError("too_hard", "onions")
        if "cut onion" in actions:
            raise SampleError("too_hard")
        rows[[action == "take mug" for action in actions]] = np.nan
        return rows

    needs = frozenset({"output", "action"})


class Spread(Counting):
    """A metric of whole sets: the variance of the outputs' means."""

    name, per_sample, minimum_samples, advised_samples = "spread", False, 2, 100

    def summarise(self, rows):
        return float(np.var(rows[:, 0]))


class Width(Spread):
    """Another metric of whole sets."""

    name, label = "width", "Width"


class Weighty(Counting):
    """Needs a missing file, and declares where to get it."""

    name = "weighty"
    published_weights = (
        PublishedWeights(
            name="weighty.safetensors",
            about="a test",
            licence="none",
            url="https://example.org/weighty.safetensors",
        ),
    )

    def weights(self):
        return (("weighty.safetensors", "weighty.pt"),)


class Undeclared(Weighty):
    """Needs the same file, without declaring where to get it."""

    name = "undeclared"
    published_weights = ()


def named(metric: type[Metric]) -> str:
    """The name of one of these metrics for `--metrics`."""
    return f"{__name__}:{metric.__name__}"
