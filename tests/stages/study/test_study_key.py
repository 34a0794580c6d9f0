"""The text that the secret key is a hash of is that of pandas, so that keys do not change."""

import pandas as pd
import pytest

from egoactgen_bench.stages.study.study_plan import csv_text


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"sample_id": ["a", "b"], "sha256": ["0" * 64, ""], "run": "lego"}),
        pd.DataFrame({"sample_id": ["a", "b"], "sha256": ["0" * 64, None]}),
        pd.DataFrame([("a", "text"), ("b", 'with a comma, a "quote"\nand a line')]),
        pd.DataFrame([("a", "line\r")]).assign(run="lego"),
        pd.DataFrame({"sample_id": ["a"], "run": "one,two"}),
        pd.DataFrame({"sample_id": ["a", ""]}),
        pd.DataFrame(columns=["sample_id", "sha256"]),
        pd.DataFrame({"sample_id": ["a"], "seed": [1], "seconds": [0.5]}),
    ],
)
def test_the_text_of_a_table_is_that_of_pandas(table):
    assert csv_text(table) == table.to_csv(index=False)
