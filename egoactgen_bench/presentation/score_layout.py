"""The content of a table of scores, in the paper's layout, with intervals and marks."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.artifacts.scores import SIGNIFICANT, Scores
from egoactgen_bench.presentation.score_notes import NO_INTERVAL, table_notes, worse_mark

# Texts come from files. A line break would end a LaTeX comment; terminals obey control characters.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


@dataclass(frozen=True)
class Cell:
    """One value as text, with its interval (`NO_INTERVAL` if it is withheld) and its marks."""

    text: str
    interval: str = ""
    best: bool = False
    worse: bool = False  # significantly worse than the best
    n: str = ""  # the number of samples, where it is not that of the row
    partial: bool = False  # computed on a part of the samples, and therefore not ranked

    @property
    def content(self) -> str:
        """The interval and n, as printed after the value."""
        interval = f" [{self.interval}]" if self.interval else ""
        return interval + (f" (n {self.n})" if self.n else "")


@dataclass(frozen=True)
class Table:
    """The content that all formats print: headings, and one row of cells per run."""

    headings: list[tuple[str, bool, bool]]  # label, higher is better, primary
    rows: list[tuple[str, str, list[Cell]]]  # run, n, cells
    published: list[tuple[str, str, list[Cell]]]
    notes: list[str]
    signatures: list[str]
    worse: str  # what * means
    apart: dict[int, int]  # the places of metrics with too few samples → how many are advised
    groups: dict[int, str]  # the places of metrics in tables of their own → their titles

    @property
    def parts(self) -> list[tuple[str, list[int]]]:
        """The places of the metrics that are printed together, with the part's title."""
        parts: dict[str, list[int]] = {"": []}
        for place in range(len(self.headings)):
            if place not in self.apart:
                parts.setdefault(self.groups.get(place, ""), []).append(place)
        advised = ", ".join(f"{count:,}" for count in sorted(set(self.apart.values())))
        parts[f"Fewer samples than advised ({advised}): not ranked"] = [*self.apart]
        return [(title, places) for title, places in parts.items() if places]

    @property
    def marks(self) -> str:
        """The note about bold and *."""
        return f"Best in bold; * {self.worse}"


def layout(scores: Scores) -> Table:
    """The content of the table of `scores`."""
    metrics = scores.metrics
    headings = [
        (_one_line(about.title), about.higher_is_better, about.primary)
        for about in metrics.values()
    ]
    columns = [_cells(scores, name) for name in metrics]
    rows = [
        (_one_line(run.label), str(run.n), [column[number] for column in columns])
        for number, run in enumerate(scores.manifest.runs)
    ]
    published = [
        (f"{_one_line(str(row.get('method')))} (published)", "", _published_cells(row, metrics))
        for row in scores.manifest.published
        if metrics.keys() & row.keys()
    ]
    signatures = [_one_line(about.signature) for about in metrics.values()]
    partial = any(cell.partial for column in columns for cell in column)
    notes = list(map(_one_line, table_notes(scores, partial)))
    apart = {
        place: metrics[name].advised_samples
        for place, name in enumerate(metrics)
        if _too_few(scores, name)
    }
    groups = {
        place: _one_line(about.group) for place, about in enumerate(metrics.values()) if about.group
    }
    return Table(headings, rows, published, notes, signatures, worse_mark(scores), apart, groups)


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)


def _published_cells(row: dict[str, Any], metrics: dict[str, MetricRecord]) -> list[Cell]:
    return [
        Cell(f"{row[name]:.{about.decimals}f}" if name in row else "–")
        for name, about in metrics.items()
    ]


def _cells(scores: Scores, metric: str) -> list[Cell]:
    """One metric's cells, one per run."""
    about = scores.metrics[metric]
    summary = scores.summary
    values = summary[metric].to_numpy(float)
    ends = summary[[f"{metric}_lo", f"{metric}_hi"]].to_numpy(float)
    withheld = scores.manifest.withheld_intervals.get(metric, {})
    references = set(scores.unranked)
    own = np.array([run not in references for run in summary["run"]]) & ~np.isnan(values)
    own &= not about.toy_weights
    counts = _counts(scores, metric)
    partial = (counts < summary["n"].max() - _inapplicable(scores, metric)) & ~np.isnan(values)
    own &= ~partial & (not _too_few(scores, metric))
    sign = 1 if about.higher_is_better else -1
    best = max(sign * values[own]) * sign if own.any() else np.nan
    if not about.per_sample and not about.higher_is_better and best < 0:
        own &= False  # an estimate of a distance below 0 is noise around 0
    leaders = set(summary["run"][own & (values == best)])
    worse = _worse(scores, metric, leaders)
    return [
        Cell(
            text="–" if np.isnan(value) else f"{value:.{about.decimals}f}",
            interval=_interval(low, high, about.decimals) or NO_INTERVAL * (run in withheld),
            best=run in leaders and own.sum() > 1,
            worse=run in worse and not part,
            n=f"{count:,}" if count != n and not np.isnan(value) else "",
            partial=bool(part),
        )
        for run, value, (low, high), count, n, part in zip(
            summary["run"], values, ends, counts, summary["n"], partial, strict=True
        )
    ]


def _counts(scores: Scores, metric: str) -> NDArray[np.int64]:
    """(rows,) the number of samples with a value."""
    own = f"{metric}_n"
    found: NDArray[np.int64] = scores.summary[own if own in scores.summary else "n"].to_numpy()
    return found


def _inapplicable(scores: Scores, metric: str) -> int:
    """The number of samples that the metric does not apply to, whichever the run."""
    found = scores.inapplicable
    return 0 if found.empty else found["sample_id"][found["metric"] == metric].nunique()


def _too_few(scores: Scores, metric: str) -> bool:
    """Whether a row has a value of fewer samples than advised."""
    has_value = scores.summary[metric].notna().to_numpy()
    advised = scores.metrics[metric].advised_samples
    return bool((_counts(scores, metric)[has_value] < advised).any())


def _worse(scores: Scores, metric: str, leaders: set[str]) -> set[str]:
    """The runs that are significantly worse than one of the best."""
    table = scores.comparisons
    rows = table[(table["metric"] == metric) & (table["p_value"] < SIGNIFICANT)]
    pairs = set(zip(rows["run_a"], rows["run_b"], strict=True))
    ends = {a for a, b in pairs if b in leaders} | {b for a, b in pairs if a in leaders}
    return ends - leaders - set(scores.unranked)


def _interval(low: float, high: float, decimals: int) -> str:
    return f"{low:.{decimals}f}, {high:.{decimals}f}" if np.isfinite(high - low) else ""
