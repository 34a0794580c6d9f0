"""The table of the controls as a page."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.toy_kitchen.trust.control_images import CONTROLS, SHIFT
from benchmarks.toy_kitchen.trust.control_table import failed_pairs
from benchmarks.toy_kitchen.trust.expected_orders import COMMON, QUESTIONS
from benchmarks.toy_kitchen.trust.set_parts import PARTS
from egoactgen_bench.artifacts.scores import Scores

NOTE = f"""
- *target*: the target frame itself. *shifted*: the target moved by {SHIFT} pixels to the right, its
  first column filling the gap. *other-action*: the same scene after another action that it allows,
  rendered with the camera of the target. *copy*: the input frame. *noise*: uniform values.
- Share: of the samples in which the metric prefers the first to the second; a tie counts ½.
  Brackets: 95 % intervals over videos. For a metric of sets, {PARTS} disjoint parts of the videos
  take the place of samples.
- A pair is right if the lower end of its interval is above 50 %; shares of wrong pairs are in bold.
- Common order: {" > ".join(CONTROLS)}.
- Own order: the one that the metric's question determines, in the last table. Controls of one group
  need not be ordered.
"""


def markdown(found: pd.DataFrame, scores: Scores) -> str:
    """Pass or fail of every metric, its shares, its values, and the orders by question."""
    lines = [
        f"# Controls of each metric: {scores.manifest.split}",
        "",
        *_verdicts(found),
        "",
        "## Share of samples in which neighbours of the common order are ordered right",
        "",
        *_shares(found),
        "",
        "## Values",
        "",
        *_values(found, scores),
        "",
        "## Questions",
        "",
        "| question | own order | metrics |",
        "|---|---|---|",
        *_questions(found),
    ]
    return "\n".join([*lines, NOTE.rstrip()]) + "\n"


def _verdicts(found: pd.DataFrame) -> list[str]:
    lines = ["| metric | question | own order | wrong pairs of it | common order | wrong pairs |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for metric, rows in found.groupby("metric", sort=False):
        cells = [rows["label"].iloc[0], rows["question"].iloc[0]]
        for order in ("own", "common"):
            wrong = failed_pairs(found, str(metric), order)
            cells += ["fails" if wrong else "passes", ", ".join(wrong) or "–"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _shares(found: pd.DataFrame) -> list[str]:
    names = [" > ".join(pair) for pair in COMMON]
    lines = [f"| metric | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for _, rows in found.groupby("metric", sort=False):
        pairs = rows[rows["kind"] == "pair"].set_index("what")
        cells = [_share(pairs.loc[name]) for name in names]
        lines.append(f"| {rows['label'].iloc[0]} | {' | '.join(cells)} |")
    return lines


def _share(row: Any) -> str:
    text = f"{100 * row['value']:.0f} {ends(100 * row['lo'], 100 * row['hi'], 0)}"
    return text if row["right"] else f"**{text}**"


def _values(found: pd.DataFrame, scores: Scores) -> list[str]:
    lines = [f"| metric | {' | '.join(CONTROLS)} |", f"|---|{'---:|' * len(CONTROLS)}"]
    for metric, rows in found.groupby("metric", sort=False):
        about = scores.metrics[str(metric)]
        values = rows[rows["kind"] == "mean"].set_index("what")
        arrow = "↑" if about.higher_is_better else "↓"
        cells = [_value(values.loc[name], about.decimals) for name in CONTROLS]
        lines.append(f"| {about.label} {arrow} | {' | '.join(cells)} |")
    return lines


def _value(row: Any, decimals: int) -> str:
    return f"{row['value']:.{decimals}f} {ends(row['lo'], row['hi'], decimals)}"


def ends(low: float, high: float, decimals: int) -> str:
    """An interval; [–] if too few samples vary."""
    if np.isnan(low) or np.isnan(high):
        return "[–]"
    return f"[{low:.{decimals}f}, {high:.{decimals}f}]"


def _questions(found: pd.DataFrame) -> list[str]:
    lines = []
    for name, question in QUESTIONS.items():
        labels = found.loc[found["question"] == name, "label"].unique()
        if len(labels):
            lines.append(f"| {question.text} | {question.order} | {', '.join(labels)} |")
    return lines
