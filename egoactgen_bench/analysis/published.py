"""The paper's values, from the tables in results/published, which the package includes."""

from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.manifests import SplitManifest
from egoactgen_bench.support.files import read_csv

_RELEASED_PARTS = {"ego4d": "ego4d", "epickitchen": "epic-kitchens"}


FOLDER = Path(__file__).parent / "published"  # in a checkout, a link to results/published


def published_table(name: str) -> pd.DataFrame:
    """One published table by the stem of its file, such as `table3_conditioning`."""
    return read_csv(FOLDER / f"{name}.csv")


def published_dataset(split: SplitManifest) -> str:
    """The name of a split's data set in the published tables."""
    return str(_RELEASED_PARTS.get(split.recipe.get("part", ""), split.dataset))


def published_rows(split: SplitManifest) -> list[dict[str, Any]]:
    """One row per method, {"method": name, metric: value in the paper's units}, for a split.

    Empty for data sets that the paper does not report, and for training subsets.
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
    return list(rows.values())
