"""Warns where a metric cannot tell the target from the control rows of the table."""

from collections.abc import Sequence

import numpy as np

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.cluster_means import Clusters
from egoactgen_bench.analysis.intervals import PERMUTATION_SEED
from egoactgen_bench.artifacts.manifests import CopiedRole, ScoredRun
from egoactgen_bench.artifacts.scores import SIGNIFICANT
from egoactgen_bench.measurement.candidates import REFERENCES
from egoactgen_bench.stages.score.score_columns import Column

NAMES: dict[str, str] = {role: name for name, role in REFERENCES.items()}


def control_notices(
    columns: Sequence[Column], rows: Sequence[ScoredRun], clusters: Clusters
) -> list[str]:
    """A warning for each metric that does not score the target above its controls.

    The test is the paired one over videos, Holm-corrected over the controls of the metric. One
    more line names the control rows that the table lacks.
    """
    places: dict[str, int] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.copy_of, place)
    notices: list[str] = []
    lacking: dict[CopiedRole, list[str]] = {}
    for column in columns:
        wanted: list[CopiedRole] = list(column.about.controls)
        if not wanted:
            continue
        absent: list[CopiedRole] = [
            role for role in ("target", *wanted) if not _has_values(column, places.get(role))
        ]
        for role in absent:
            lacking.setdefault(role, []).append(column.about.label)
        if "target" not in absent:
            present = {NAMES[role]: places[role] for role in wanted if role not in absent}
            notices += _undistinguished(column, places["target"], present, clusters)
    if lacking:
        names = ",".join(NAMES[role] for role in lacking)
        labels = ", ".join(dict.fromkeys(label for each in lacking.values() for label in each))
        notices.append(
            f"warning: control rows are missing, so that it is unknown whether the judge can see "
            f"what it is asked for ({labels}): add --reference {names}."
        )
    return notices


def _has_values(column: Column, place: int | None) -> bool:
    return place is not None and not np.isnan(column.values[:, place]).all()


def _undistinguished(
    column: Column, target: int, controls: dict[str, int], clusters: Clusters
) -> list[str]:
    """A warning for each control that the target does not beat significantly."""
    pairs = [(target, place) for place in controls.values()]
    if not pairs:
        return []
    sizes, found = statistics.paired_tests(column.values, pairs, clusters, PERMUTATION_SEED)
    sign = 1 if column.about.higher_is_better else -1
    return [
        f"warning: {column.about.label} cannot tell the target from {name} (difference "
        f"{size * column.about.factor:.{column.about.decimals}f}, p = {p_value:.2g}): do not trust "
        "its values."
        for name, size, p_value in zip(
            controls, sizes, statistics.holm(found.tolist()), strict=True
        )
        if not (sign * size > 0 and p_value < SIGNIFICANT)
    ]
