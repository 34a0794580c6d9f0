"""The result of an import, as tables and as sentences."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from egoactgen_bench.analysis.published import published_descriptions


@dataclass(frozen=True, repr=False)
class Imported:
    """The result of an import: win rates per run, rows that do not count, and the agreement.

    The tables have the columns of win_rates.csv and rejected.csv; `agreement` is the content of
    agreement.json; `labels` are the runs' names with the mark of toy weights.
    """

    win_rates: pd.DataFrame
    rejected: pd.DataFrame
    agreement: dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(self.sentences())

    def __repr__(self) -> str:
        rates = self.win_rates.set_index("run")["rate"]
        shown = ", ".join(f"{run} {100 * rate:.1f} %" for run, rate in rates.items())
        return f"<Imported: {shown}; {len(self.rejected)} rows left out>"

    def sentences(self) -> list[str]:
        """Win rates, agreement, rows that do not count, and the effect of excluding workers."""
        return [
            *self._rates(),
            *self._agreed(),
            *(
                f"{_counted(count, 'row')} left out: {reason}."
                for reason, count in self.rejected["reason"].value_counts().sort_index().items()
            ),
            *self._excluded(),
        ]

    def _rates(self) -> Iterator[str]:
        for row in self.win_rates.to_dict(orient="records"):
            label = self.labels.get(row["run"], row["run"])
            if not row["votes"]:
                yield f"{label}: no votes."
                continue
            rate, lo, hi = (f"{100 * row[column]:.1f}" for column in ("rate", "lo", "hi"))
            votes = _counted(row["votes"], "vote")
            why = self.agreement["withheld_intervals"].get(row["run"], "")
            interval = f"no interval, {why}" if why else f"95 % interval {lo} to {hi}"
            yield f"{label}: {rate} % of {votes} ({interval})"
        if not self.agreement["videos"]:
            yield (
                "The study does not name the videos of its examples (export it again to have them "
                "recorded): each example counts as a video of its own."
            )

    def _agreed(self) -> Iterator[str]:
        for question, alpha in self.agreement["krippendorff_alpha"].items():
            shown = "undefined" if alpha is None else f"{alpha:.3f}"
            interval = self.agreement["alpha_intervals"][question]
            if interval["reason"]:
                shown += f" (no interval, {interval['reason']})" if alpha is not None else ""
                shown += f" ({interval['reason']})" if alpha is None else ""
            else:
                shown += f" (95 % interval {interval['lo']:.3f} to {interval['hi']:.3f})"
            yield f"Krippendorff's alpha of '{question}': {shown}."
        for name, counts in self.agreement.get("invents", {}).items():
            if unfit := counts["not_fitting"]:
                yield (
                    f"Of {_counted(unfit, 'answer')} that '{name}' does not fit, "
                    f"{counts['not_fitting_and_invents']} say that it mentions something that is "
                    "not there."
                )
        if self.agreement.get("invents"):
            yield published_descriptions()
        checks = self.agreement["checks"]
        if answered := checks["known_answer"]["answered"]:
            right = checks["known_answer"]["right"]
            yield f"Checks: {right} of {answered} answers to known questions are right."
        if answered := checks["repeated"]["answered"]:
            same = checks["repeated"]["same"]
            yield f"Checks: {same} of {answered} answers to repeated questions are the same."

    def _excluded(self) -> Iterator[str]:
        for name, effect in self.agreement["excluding"].items():
            if effect["workers"]:
                rates = ", ".join(
                    f"{row['run']} {100 * row['rate']:.1f} %"
                    for row in effect["win_rates"]
                    if row["rate"] is not None
                )
                workers = _counted(len(effect["workers"]), "worker")
                yield f"Without {workers} ({name}): {rates or 'no votes left'}."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
