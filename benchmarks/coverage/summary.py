"""The simulated rates as Markdown."""

import pandas as pd

MOSTLY_WITHHELD = 0.2  # intervals shown

HEAD = """# Coverage of intervals and calibration of tests

    python -m benchmarks.coverage --csv results/measured/coverage.csv

Each cell is a simulation with a known truth; coverage.csv has all cells, with the share of
replicates in which an interval is shown, the misses on both sides and the median width.
docs/statistics.md explains the methods.
"""
MEANS = """
## 95 % intervals of means

How often (in %) a shown interval contains the true mean, by the number of videos: the lowest of
the cells with an intraclass correlation of 0.05 and 0.3. Videos have 4 or 40 samples; of unequal
ones, the largest has 10 times as many, and the kth largest 1/k of that. 2,000 replicates per
cell, so that a rate has a standard error of 0.5. Log-normal values have σ = 1 (a skewness of 6);
a metric that declares a range from 0 has shorter intervals than one without.
"""
TESTS = """
## Paired tests

How often (in %) equal methods differ at p < 0.05: one pair, and any of the six pairs of four
methods after Holm's correction. The highest of the cells with an intraclass correlation of 0.05
and 0.3; 1,000 replicates per cell (a standard error of 0.7).
"""
STUDIES = """
## User studies

60 examples with 5 votes each, as `bench export-amt` writes. How often (in %) the interval of a
win rate or of Krippendorff's alpha contains the true value (the lowest of the cells with weak and
strong differences between videos, examples and raters), and how often two equal runs differ at p
< 0.05 (the highest); 200 replicates per cell (a standard error of 1.5).
"""
LEADS = """
## Leads over trainings

How often (in %) the interval of a lead over training seeds and videos contains the true lead, 0,
which is also how often its test does not find one: the lowest of the cells in which trainings vary
by 0.05 and by 0.5 (videos by 0.5, single values by 1); 2,000 replicates per cell.
"""
DISTANCES = """
## KID

How often (in %) the interval of KID contains the distance of the population: the lowest of the
cells with an intraclass correlation of 0.05 and 0.3; videos of 2 to 19 samples, 300 replicates per
cell (a standard error of 1.3).
"""
CORRELATIONS = """
## Rank correlations of metrics

How often (in %) a shown interval contains Spearman's ρ of two metrics: the lowest of the cells with
an intraclass correlation of 0.05 and 0.3, and a true correlation of 0 and 0.5. Two runs, 4 samples
per video; the second metric is normal, or 1 for a tenth of the samples and else 0; 500 replicates
per cell (a standard error of 1). –: cells in which less than a fifth of the intervals are shown.
"""
AGREEMENTS = """
## Agreement of metrics with raters

Studies as above, and four metrics: the appeal of a run with little or much noise, noise alone, and
rounded values with ties. How often (in %) the interval of a metric's accuracy, of its accuracy by
majority, or of its mean τ contains the true value (the lowest of the cells with weak and strong
differences between videos, examples and raters), the same of the raters' own accuracy, and how
often two equally good metrics differ at p < 0.05 (the highest); 400 replicates per cell (a standard
error of 1.1).
"""


def markdown(table: pd.DataFrame) -> str:
    """All tables, with the lowest coverage and what is withheld."""
    intervals = table[table["what"] == "interval of a mean"]
    tests = table[table["what"] == "paired test"]
    parts = [
        HEAD,
        MEANS,
        _grid(intervals, "covered", ["values", "sizes", "per_video"], "min"),
        _extremes(intervals),
        TESTS,
        _grid(tests, "one_pair", ["values", "sizes"], "max", "one pair: "),
        _grid(tests, "any_of_6_pairs", ["values", "sizes"], "max", "any of 6 pairs: "),
        STUDIES,
        *(
            _grid(table[table["what"] == what], rate, ["raters"], how, f"{what}: ")
            for what, rate, how in (
                ("win rate", "covered", "min"),
                ("alpha", "covered", "min"),
                ("test of win rates", "one_pair", "max"),
            )
        ),
        LEADS,
        _grid(table[table["what"] == "lead over trainings"], "covered", ["seeds"], "min"),
        DISTANCES,
        _grid(table[table["what"] == "KID"], "covered", ["values"], "min", "outputs: "),
        CORRELATIONS,
        _grid(
            table[(table["what"] == "rank correlation") & (table["shown"] >= MOSTLY_WITHHELD)],
            "covered",
            ["values", "sizes"],
            "min",
        ),
        AGREEMENTS,
        *(
            _grid(table[table["what"] == what], rate, ["values", "raters"], how, start)
            for what, rate, how, start in (
                ("accuracy of a metric", "covered", "min", "accuracy: "),
                ("majority of a metric", "covered", "min", "majority: "),
                ("tau of a metric", "covered", "min", "tau: "),
                ("test of metrics", "one_pair", "max", "test by "),
            )
        ),
    ]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _grid(rows: pd.DataFrame, rate: str, index: list[str], how: str, start: str = "") -> str:
    """A table with one column per number of videos, in percent."""
    found = rows.pivot_table(index=index, columns="videos", values=rate, aggfunc=how, sort=False)
    videos = sorted(found.columns)
    lines = [
        f"| {start}{', '.join(index).replace('per_video', 'samples per video')} | "
        + " | ".join(f"{count} videos" for count in videos)
        + " |",
        "|---|" + "---:|" * len(videos),
    ]
    for key, row in found.iterrows():
        names = key if isinstance(key, tuple) else (key,)
        shown = ", ".join(f"{name:g}" if isinstance(name, float) else str(name) for name in names)
        rates = ["–" if pd.isna(row[count]) else f"{100 * row[count]:.1f}" for count in videos]
        lines.append(f"| {shown} | {' | '.join(rates)} |")
    return "\n".join(lines)


def _extremes(intervals: pd.DataFrame) -> str:
    normal = intervals[(intervals["values"] == "normal") & (intervals["sizes"] == "equal")]
    return (
        f"Lowest rate: {100 * intervals['covered'].min():.1f} %. Normal values in videos of equal "
        f"size: {100 * normal['covered'].min():.1f} to {100 * normal['covered'].max():.1f} %. "
        f"Withheld: {100 * (1 - intervals['shown'].min()):.1f} % of the intervals of any cell."
    )
