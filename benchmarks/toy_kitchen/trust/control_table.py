"""Whether each metric finds the order of the controls, as declared in `expected_orders`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.toy_kitchen.trust.control_images import CONTROLS
from benchmarks.toy_kitchen.trust.expected_orders import COMMON, QUESTIONS, question_of
from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.analysis.mean_intervals import mean_intervals
from egoactgen_bench.analysis.rank_agreement import accuracy
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split

RUN = "control-{}"  # the run of a control
CHANCE = 0.5
COLUMNS = ("metric", "label", "question", "kind", "what", "value", "lo", "hi", "n", "right")


def control_table(
    scores: Scores,
    split: Split,
    names: Sequence[str],
    parts: Mapping[str, Floats],
    draws: int = 1000,
) -> pd.DataFrame:
    """The scores of the controls by the metrics `names`, as rows of three kinds.

    `mean`: the value of a control with its interval. `pair`: for "better > worse", the share of
    samples that are ordered right. `order`: whether all pairs are right, of the common order and of
    the metric's own. `parts` has the values of each metric of sets, (parts, controls), whose parts
    take the place of samples.
    """
    clusters = np.unique(split.samples["video_id"], return_inverse=True)[1]
    runs = [scores.runs.index(RUN.format(name)) for name in CONTROLS]
    rows: list[dict[str, Any]] = []
    for metric in names:
        about = scores.metrics[metric]
        question = question_of(metric, about.per_sample)
        same = {"metric": metric, "label": about.label, "question": question}
        if about.per_sample:
            values = scores.per_sample(split.samples["sample_id"], [metric])[:, runs, 0]
        else:
            values = parts[metric]
        values = values if about.higher_is_better else -values
        videos = clusters if about.per_sample else np.arange(len(values))
        pairs = list(dict.fromkeys([*COMMON, *QUESTIONS[question].pairs]))
        found = {pair: share_right(values, pair, videos, draws) for pair in pairs}
        rows += [same | row for row in _mean_rows(scores, metric)]
        rows += [same | {"kind": "pair", "what": " > ".join(pair)} | found[pair] for pair in pairs]
        for order, wanted in (("common", COMMON), ("own", QUESTIONS[question].pairs)):
            right = all(found[pair]["right"] for pair in wanted)
            rows.append(same | {"kind": "order", "what": order, "right": right})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def share_right(
    values: Floats, pair: tuple[str, str], clusters: Clusters, draws: int
) -> dict[str, Any]:
    """The share of samples in which the better control has the higher value; ties count ½.

    `values` are (samples, controls) in the order of `CONTROLS`, NaN if missing.
    """
    chosen = values[:, [CONTROLS.index(name) for name in pair]]
    known = ~np.isnan(chosen).any(axis=1)
    each = np.full((len(values), 1), np.nan)
    each[known, 0] = accuracy(chosen[known], np.tile([1.0, 0.0], (int(known.sum()), 1)))
    ends = mean_intervals(each, clusters, (0.0, 1.0), draws)
    low, high = float(ends.low[0]), float(ends.high[0])
    share = float(means(each)[0])
    counted = int(known.sum())
    return {"value": share, "lo": low, "hi": high, "n": counted, "right": low > CHANCE}


def _mean_rows(scores: Scores, metric: str) -> Iterator[dict[str, Any]]:
    summary = scores.summary.set_index("run")
    for name in CONTROLS:
        row = summary.loc[RUN.format(name)]
        ends = {end: row.get(f"{metric}_{end}", np.nan) for end in ("lo", "hi")}
        counted = row.get(f"{metric}_n", row["n"])
        yield {"kind": "mean", "what": name, "value": row[metric], "n": counted} | ends


def failed_pairs(found: pd.DataFrame, metric: str, order: str) -> list[str]:
    """The pairs of the common or own order of a metric that are not ordered right."""
    rows = found[(found["metric"] == metric) & (found["kind"] == "pair")].set_index("what")
    question = found.loc[found["metric"] == metric, "question"].iloc[0]
    wanted = COMMON if order == "common" else QUESTIONS[question].pairs
    names = [" > ".join(pair) for pair in wanted]
    return [name for name in names if not rows.loc[name, "right"]]
