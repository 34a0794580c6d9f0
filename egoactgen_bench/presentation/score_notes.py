"""The notes below a table of scores: what its marks mean, and what is withheld or not ranked."""

from egoactgen_bench.artifacts.manifests import (
    REFERENCE,
    TARGET_TIME_MARK,
    TOY_MARK,
    ScoreManifest,
)
from egoactgen_bench.artifacts.scores import SIGNIFICANT, Scores

NO_INTERVAL = "–"
PARTIAL = "†"


def table_notes(scores: Scores, partial: bool) -> list[str]:
    manifest = scores.manifest
    references = [run.run for run in manifest.runs if run.reference]
    notes = [
        "[ ] 95 % interval of the mean over videos."
        if manifest.bootstrap.draws
        else "No intervals were requested.",
        f"Best in bold; * {worse_mark(scores)}",
        *_withheld(scores),
    ]
    if any(about.primary for about in scores.metrics.values()):
        notes.append("★ the paper's primary metrics.")
    if references:
        notes.append(f"References, not methods: {', '.join(references)}.")
    notes += _unranked(manifest)
    if drawn := [run.run for run in manifest.runs if not run.reproducible_by_seed]:
        notes.append(
            f"Not reproducible by the seed, as a server generates the images: {', '.join(drawn)}."
        )
    if partial:
        notes.append(f"{PARTIAL} computed on a part of the samples: not ranked.")
    if toy := [about.label for about in scores.metrics.values() if about.toy_weights]:
        notes.append(
            f"{TOY_MARK} stand-ins that know only the toy kitchen, whose values are not those of "
            f"the published networks; nothing is marked as best: {', '.join(toy)}."
        )
    notes += [f"{each.label}: {each.note}." for each in scores.metrics.values() if each.note]
    notes += manifest.notices
    notes += [f"Not computed: {why}" for why in manifest.failed_metrics.values()]
    failures = scores.failures
    if len(failures):
        codes = ", ".join(
            f"{count} {code}" for code, count in failures["code"].value_counts().items()
        )
        notes.append(f"{len(failures)} values could not be computed ({codes}): see errors.csv.")
    return notes + _inapplicable(scores)


def _inapplicable(scores: Scores) -> list[str]:
    """How many samples metrics do not apply to, in one sentence for metrics that share these."""
    if scores.inapplicable.empty:
        return []
    labels: dict[str, list[str]] = {}
    for metric, rows in scores.inapplicable.groupby("metric", sort=False):
        samples = rows.drop_duplicates("sample_id")
        codes = samples["code"].value_counts().items()
        counted = ", ".join(f"{count} {code}" for code, count in codes)
        count = f"{len(samples)} sample{'s' * (len(samples) > 1)} ({counted})"
        labels.setdefault(count, []).append(scores.metrics[str(metric)].label)
    every = "; ".join(f"{', '.join(names)} to {count}" for count, names in labels.items())
    return [f"Not applicable: {every}."]


def _unranked(manifest: ScoreManifest) -> list[str]:
    """Why runs are not compared with the others, although a method made them."""
    copies: dict[str, list[str]] = {}
    for run in manifest.runs:
        if run.copy_of and not run.method.startswith(REFERENCE):
            copies.setdefault(run.copy_of, []).append(run.run)
    notes = [
        f"All images of {', '.join(runs)} are copies of the {role} frames: a reference, however "
        "they were made."
        for role, runs in copies.items()
    ]
    if toy := [run.run for run in manifest.runs if run.toy_weights]:
        notes.append(
            f"{TOY_MARK} small weights that know only the toy kitchen and show nothing on this "
            f"data set; not ranked or compared: {', '.join(toy)}."
        )
    if timed := [run.run for run in manifest.runs if run.target_time]:
        notes.append(
            f"{TARGET_TIME_MARK} shows the frame at the annotated time of the target, which other "
            f"methods do not know: {', '.join(timed)}."
        )
    return notes


def _withheld(scores: Scores) -> list[str]:
    """For each reason, a sentence with the cells whose interval is withheld."""
    cells: dict[str, dict[str, list[str]]] = {}
    for metric, by_run in scores.manifest.withheld_intervals.items():
        for run, why in by_run.items():
            cells.setdefault(why, {}).setdefault(scores.metrics[metric].label, []).append(run)
    every = len(scores.runs)
    return [
        f"[{NO_INTERVAL}] no interval, {why}: "
        + "; ".join(
            label if len(runs) == every else f"{label} of {', '.join(runs)}"
            for label, runs in by_label.items()
        )
        + "."
        for why, by_label in cells.items()
    ]


def worse_mark(scores: Scores) -> str:
    methods = len(scores.runs) - len(scores.unranked)
    pairs = methods * (methods - 1) // 2
    family = "within each metric" if scores.manifest.family == "metric" else "of all metrics"
    return (
        "significantly worse than the best (paired permutation test over videos, Holm-corrected "
        f"over the {pairs} pair{'s' * (pairs != 1)} of methods {family}, p < {SIGNIFICANT})."
    )
