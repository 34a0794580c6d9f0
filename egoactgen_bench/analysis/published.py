"""The paper's values, from the tables in results/published, which the package includes."""

from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.manifests import ScoreManifest, SplitManifest
from egoactgen_bench.support.files import read_csv

_RELEASED_PARTS = {"ego4d": "ego4d", "epickitchen": "epic-kitchens"}
RELEASED = "lego-release"  # the data set of the authors' own samples

# Derived: 20,000 steps of 1,024 samples, divided by the epochs in the released configurations, 240
# for Ego4D and 330 for EPIC-KITCHENS.
_TRAINING_SAMPLES = {"ego4d": "about 85,300", "epic-kitchens": "about 62,100"}
_ANNOTATED = {"epic-kitchens": " of the 67,217 annotated actions"}
# Appended to the names of published rows next to samples that are not the authors'.
OTHER_SAMPLES = ", other samples"

FOLDER = Path(__file__).parent / "published"  # in a checkout, a link to results/published


def published_table(name: str) -> pd.DataFrame:
    """One published table by the stem of its file, such as `table3_conditioning`."""
    return read_csv(FOLDER / f"{name}.csv")


def published_dataset(split: SplitManifest) -> str:
    """The name of a split's data set in the published tables."""
    return str(_RELEASED_PARTS.get(split.recipe.get("part", ""), split.dataset))


def published_rows(split: SplitManifest) -> list[dict[str, Any]]:
    """One row per method, {"method": name, metric: value in the paper's units}, for a split.

    Empty for data sets that the paper does not report, and for training subsets. Next to other
    samples than the authors', the names say so.
    """
    dataset = published_dataset(split)
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.csv"), reverse=True):
        table = read_csv(path)
        if "method" not in table or split.subset == "train":
            continue
        own: Any = table[table["dataset"] == dataset]
        for row in own.to_dict("records"):
            del row["dataset"]
            rows.setdefault(row["method"], {}).update(row)
    return named_by_samples(split, list(rows.values()))


def named_by_samples(split: SplitManifest, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Published rows whose `method` says so if the split does not have the authors' samples."""
    suffix = "" if has_released_samples(split) else OTHER_SAMPLES
    return [{**row, "method": f"{row['method']}{suffix}"} for row in rows]


def published_descriptions() -> str:
    """The published study of descriptions in one sentence."""
    table = published_table("user_study_descriptions")
    parts: dict[str, str] = {}
    for tuned, rows in table.groupby("vllm_finetuned"):
        parts[str(tuned)] = " and ".join(f"{value} %" for value in rows["fits_percent"])
    (invented,) = set(table["invents_percent_of_unfit"]) - {""}
    return (
        f"The paper, on its own examples of Ego4D and EPIC-KITCHENS: {parts['yes']} fit with the "
        f"tuned VLLM, {parts['no']} with the one off the shelf, which mentions something that is "
        f"not there in {invented} % of the cases that do not fit."
    )


def has_released_samples(split: SplitManifest) -> bool:
    """Whether a split has all samples of the released data set, on which the paper's values are."""
    recipe = split.recipe
    part = recipe.get("limit") is not None or recipe.get("filters") is not None
    return split.dataset == RELEASED and not part


def published_note(split: SplitManifest) -> str:
    """What a table with published rows says about their samples; empty if they are the split's."""
    if has_released_samples(split):
        return ""
    kept = split.counts.kept
    if split.dataset == RELEASED:
        return (
            "The published rows are values on all samples of the authors' released data set, of "
            f"which this split has only {kept:,} (its recipe has a limit or filters)."
        )
    dataset = published_dataset(split)
    return (
        "The published rows are values on other samples: LEGO's authors filtered theirs (they "
        f"trained on {_TRAINING_SAMPLES.get(dataset, 'an unknown number')} samples"
        f"{_ANNOTATED.get(dataset, '')}, as derived from their number of epochs), and this split "
        f"has {kept:,} of {kept + split.counts.rejected:,} annotated actions. Only a split of the "
        f"data set {RELEASED} has the authors' samples."
    )


def restate_published(scores: ScoreManifest, split: SplitManifest) -> None:
    """Name published rows by their samples, and add the note, which older scores lack."""
    note = published_note(split) if scores.published else ""
    if note and note not in scores.notices:
        scores.published = published_rows(split)
        scores.notices.append(note)
