"""The sentences below a table of agreement: what was compared, and what the data do not show."""

from collections.abc import Iterator

from egoactgen_bench.analysis.crossed_shares import FEWEST_RATERS
from egoactgen_bench.analysis.intervals import too_few_videos
from egoactgen_bench.artifacts.metric_agreement import RATERS, MetricAgreement
from egoactgen_bench.artifacts.scores import SIGNIFICANT
from egoactgen_bench.presentation.agreement_table import SET_MARK
from egoactgen_bench.presentation.score_notes import PARTIAL


def notes(found: MetricAgreement) -> list[str]:
    """All notes of a result."""
    return [
        *_compared(found),
        *_withheld(found),
        *_tested(found),
        *_missing(found),
    ]


def _compared(found: MetricAgreement) -> Iterator[str]:
    counts = found.manifest.counts
    yield (
        f"{counts.answers:,} answers of {_several(counts.raters, 'rater')} on "
        f"{_several(counts.examples, 'example')} of {_several(counts.videos, 'video')}; "
        f"{', '.join(found.manifest.candidates)}."
    )
    undecided = counts.compared_pairs - counts.separated_pairs
    yield (
        "Accuracy: how often a metric prefers the candidate that a rater prefers, over "
        f"{counts.separated_pairs:,} pairs of candidates; {undecided:,} pairs of which an answer "
        "prefers neither do not count. A tie of the metric counts ½."
    )
    yield (
        f"Majority: the same for what most raters prefer, over {counts.voted_pairs:,} pairs of "
        f"candidates of an example, without the {counts.tied_pairs:,} with as many votes for "
        "either."
    )
    yield (
        "τ: Kendall's τ_b of metric and votes over the candidates of an example, averaged over "
        "examples (0 where only the metric is constant)."
    )
    yield (
        f"τ of runs: the same of run means, over {_several(len(found.manifest.candidates), 'run')};"
        " so few have no interval."
    )
    yield (
        "Raters: one rater against the majority of the others on the same example. A metric may "
        "exceed this, as few others are a noisy guess of what people prefer."
    )
    yield "[ ] 95 % interval over videos and raters."


def _withheld(found: MetricAgreement) -> Iterator[str]:
    """For each reason, a sentence with the cells whose interval is withheld."""
    cells: dict[str, dict[str, list[str]]] = {}
    for metric, reasons in found.manifest.withheld_intervals.items():
        for measure, why in reasons.items():
            cells.setdefault(why, {}).setdefault(metric, []).append(measure)
    every = {name for name, about in found.manifest.metrics.items() if about.per_sample} | {RATERS}
    for why, by_metric in cells.items():
        named = "; ".join(
            found.label(metric) + ("" if len(measures) > 1 else f" ({measures[0]})")
            for metric, measures in by_metric.items()
        )
        yield f"[–] no interval, {why}: {'all' if by_metric.keys() == every else named}."


def _tested(found: MetricAgreement) -> Iterator[str]:
    tests, counts = found.manifest.tests, found.manifest.counts
    if not tests:
        return
    if counts.raters < FEWEST_RATERS:
        yield f"Metrics are not tested against each other: fewer than {FEWEST_RATERS} raters."
        return
    yield (
        "* significantly less accurate than the most accurate metric (•), tested over videos and "
        f"raters, Holm-corrected over the {_several(tests, 'pair')} of metrics within each "
        f"measure, p < {SIGNIFICANT}; agreement_tests.csv has all pairs."
    )
    if impossible := too_few_videos(counts.videos, tests):
        yield impossible


def _missing(found: MetricAgreement) -> Iterator[str]:
    rows = found.metrics[found.metrics["missing"] > 0]
    if len(partial := rows[rows["pairs"] > 0]):
        named = ", ".join(
            f"{found.label(row['metric'])} ({int(row['missing'])})"
            for row in partial.to_dict("records")
        )
        yield (
            f"{PARTIAL} rated outputs without a value, whose pairs do not count; with fewer pairs "
            f"than others, a metric is not marked as the best: {named}."
        )
    sets = [name for name, about in found.manifest.metrics.items() if not about.per_sample]
    if sets:
        yield (
            f"{SET_MARK} a metric of whole sets: only its ranking of the runs on the whole split "
            f"is compared: {', '.join(map(found.label, sets))}."
        )


def _several(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
