"""docs/metrics.md: names every metric, and its table of weaknesses is that of the results."""

import pandas as pd
import pytest

from benchmarks.toy_kitchen.trust import docs_table
from benchmarks.toy_kitchen.trust.expected_orders import QUESTIONS
from egoactgen_bench.api.plugins import registered

PAGE = docs_table.PAGE.read_text(encoding="utf-8")


def test_the_measured_table_is_that_of_the_results():
    assert docs_table.replaced(PAGE, docs_table.measured()) == PAGE


def test_every_registered_metric_is_on_a_page():
    pages = PAGE + docs_table.PAGE.with_name("captions.md").read_text(encoding="utf-8")
    own = [name for name, point in registered("metrics").items() if "egoactgen" in point.value]
    assert [name for name in own if f"`{name}`" not in pages] == []


def pairs_of(question: str, values: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Rows of a metric's pairs with (share, upper end); pairs that are not named are right."""
    common = ["target > shifted", "shifted > other-action", "other-action > copy", "copy > noise"]
    names = dict.fromkeys([*common, *(" > ".join(pair) for pair in QUESTIONS[question].pairs)])
    rows = [
        {"what": name, "value": values.get(name, (1.0, 1.0))[0], "right": name not in values}
        | {"hi": values.get(name, (1.0, 1.0))[1]}
        for name in names
    ]
    return pd.DataFrame(rows).assign(metric="m", label="M", question=question, kind="pair")


@pytest.mark.parametrize(
    ("question", "wrong", "text"),
    [
        ("action", {}, "none found"),
        (
            "action",
            {"shifted > other-action": (0.1, 0.2)},
            "prefers another action to the shifted target (right in 10 %)",
        ),
        (
            "action",
            {"shifted > copy": (0.5, 0.6)},
            "does not tell the shifted target from the input frame (right in 50 %)",
        ),
        ("action", {"other-action > copy": (0.1, 0.2)}, "none found"),
        ("scene", {"shifted > other-action": (0.1, 0.2)}, "none found"),
        ("label", {"target > shifted": (0.5, 0.5)}, "none found"),
    ],
)
def test_only_the_order_of_its_question_counts_as_weakness(question, wrong, text):
    controls = pairs_of(question, wrong)
    assert ("; ".join(docs_table.weaknesses(controls, "m")) or "none found") == text
    agreed = pd.DataFrame({"metric": ["m"], "verdict": ["all three"], "within": [0.256]})
    common = [name for name in wrong if name in ("shifted > other-action", "other-action > copy",
                                                 "target > shifted")]  # fmt: skip
    last = docs_table.table(agreed, controls).splitlines()[-1]
    assert last == f"| `m` | {question} | 0.26 | – | – | {text} | {', '.join(common) or '–'} |"


@pytest.mark.parametrize(("low", "known"), [(0.1, "none found"), (-0.1, docs_table.BLIND)])
def test_an_agreement_that_may_be_zero_is_a_weakness(low, known):
    agreed = {"metric": ["m"], "verdict": ["equal methods"], "within": [-0.004], "within_lo": [low]}
    last = docs_table.table(pd.DataFrame(agreed), pairs_of("action", {})).splitlines()[-1]
    assert last == f"| `m` | action | – | 0.00 | – | {known} | – |"
