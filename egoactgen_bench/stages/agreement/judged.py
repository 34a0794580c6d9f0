"""What is compared: the answers of raters, and the metrics' values for the same outputs."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.cluster_means import Floats
from egoactgen_bench.analysis.judged_pairs import Judgements
from egoactgen_bench.artifacts.metric_agreement import REJECTED_COLUMNS, ComparedMetric


@dataclass(frozen=True)
class Judged:
    """The answers of raters on `items`, which are samples or the items of a table.

    `source` names the study or the table, `inputs` are the hashes of its files.
    """

    source: str
    answers: Judgements
    items: list[str]
    videos: list[str]  # of each item
    candidates: list[str]
    inputs: dict[str, str]
    notes: list[str] = field(default_factory=list)
    rejected: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=REJECTED_COLUMNS))


@dataclass(frozen=True)
class Measured:
    """The metrics' values.

    `values` is (items, candidates, metrics that are `per_sample`), `totals` (candidates,) of each
    set metric; both in raw units, with NaN for missing ones.
    """

    metrics: dict[str, ComparedMetric]
    values: Floats
    totals: dict[str, Floats]
    inputs: dict[str, str]
    split: str = ""
    protocol: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def per_sample(self) -> list[str]:
        return [name for name, about in self.metrics.items() if about.per_sample]

    @property
    def oriented(self) -> Floats:
        """`values` with the sign by which higher is better."""
        signs = [1 if self.metrics[name].higher_is_better else -1 for name in self.per_sample]
        found: Floats = self.values * np.array(signs, np.float64)
        return found
