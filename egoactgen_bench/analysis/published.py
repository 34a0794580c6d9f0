"""The paper's numbers, from the tables in results/published, which the package carries."""

from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.manifests import SplitManifest
from egoactgen_bench.support.files import read_csv

_RELEASED_PARTS = {"ego4d": "ego4d", "epickitchen": "epic-kitchens"}


FOLDER = Path(__file__).parent / "published"  # a link to results/published in a checkout


def published_table(name: str) -> pd.DataFrame:
    """One published table by its file's name, such as `table3_conditioning`."""
    return read_csv(FOLDER / f"{name}.csv")


def published_dataset(split: SplitManifest) -> str:
    """What the published tables call the data of a split's manifest."""
    return str(_RELEASED_PARTS.get(split.recipe.get("part", ""), split.dataset))


def published_rows(split: SplitManifest) -> list[dict[str, Any]]:
    """A row a method, {method, metric: value in the paper's units}, for a split's manifest.

    Empty for data that the paper does not report on, and for training subsets.
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
