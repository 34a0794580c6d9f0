"""Untrusted text in cells and on pages: harmless, and shown unchanged."""

import csv
import html
import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_runs import write_drawn_run
from egoactgen_bench.artifacts.splits import fingerprint, load_split
from egoactgen_bench.stages.study.example_sampling import balanced_orders, choose_examples
from egoactgen_bench.stages.study.safe_text import csv_cell, html_cell
from egoactgen_bench.stages.study.study_cost import Cost
from egoactgen_bench.support.files import write_csv

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://evil","click")',
    "+1, 2",
    "-cut 'the' \"onion\"",
    "@sum(1)\nsecond line",
    "${image_1} {{ 7*7 }} {% raw %}",
    "פתח את המגירה \u202e abc",
    "cut 🧅 — ½",
    "</textarea></script><!--",
]
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\r\n"))


@given(texts)
def test_html_cell_is_harmless_and_shows_the_original_text(text):
    cell = html_cell(text)
    assert cell.isascii()
    assert not set(cell) & set("<>\"'$\t\r\n")
    assert not cell.startswith(FORMULA)
    assert not re.search(r"&(?![a-z]+;|#x?[0-9a-f]+;)", cell)
    # A browser turns a bare &#13; reference into a carriage return, as Python's parser does.
    assert html.unescape(cell) == text


def test_html_cell_leaves_plain_labels_unchanged():
    assert html_cell("open drawer") == "open drawer"
    assert html_cell("=1+1") == "&#61;1+1"
    assert html_cell("a\x00b") == "a&#65533;b"


@given(st.text())
def test_csv_cell_is_never_a_formula(text):
    cell = csv_cell(text)
    assert not cell.startswith(FORMULA)
    assert cell.removeprefix("'") == text.removeprefix("'")


@pytest.fixture
def nasty_study(bench, drawn_split):
    """A description study with hostile labels and descriptions."""
    split = load_split(drawn_split)
    samples = split.samples.assign(action=NASTY[:6])
    write_csv(drawn_split / "samples.csv", samples)
    manifest = split.manifest.model_copy(update={"fingerprint": fingerprint(samples)})
    manifest.save(drawn_split / "split.json")
    texts = pd.DataFrame({"sample_id": samples["sample_id"], "description": NASTY[4:]})
    write_csv(drawn_split / "descriptions" / "tuned.csv", texts)
    write_drawn_run(drawn_split, "lego")
    assert bench("export-amt", "--study", "description", "--consent", NASTY[6]).status == 0
    return drawn_split.parents[1] / "studies" / "drawn-val-description"


def test_hostile_text_is_unchanged_in_json_and_escaped_in_tables(nasty_study):
    tasks = json.loads((nasty_study / "study.json").read_text())["tasks"]
    assert {task["text"]["action"] for task in tasks} == set(NASTY[:6])
    assert {task["text"]["description"] for task in tasks} == set(NASTY[4:])
    with (nasty_study / "batch.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    by_name = {task["name"]: task["text"] for task in tasks}
    for row in rows:
        for column in ("action", "description"):
            assert html.unescape(row[column]) == by_name[row["task"]][column]
            assert not row[column].startswith(FORMULA)
            assert "<" not in row[column]


def test_hostile_text_is_escaped_on_pages(nasty_study):
    for name in ("hit.html", "preview.html"):
        page = (nasty_study / name).read_text()
        for word in ("<script>alert", "<img src=x", "</textarea></script>"):
            assert word not in page
        scripts = page.count("<script")
        assert scripts == page.count("</script>") == (2 if name == "hit.html" else 1)
    hit = (nasty_study / "hit.html").read_text()
    placeholders = set(re.findall(r"\$\{(\w+)\}", hit))
    assert placeholders == {"action", "description", "input", "target"}


@given(st.integers(1, 40), st.integers(1, 7), st.binary(min_size=1, max_size=8))
def test_orders_are_balanced_for_any_count(count, runs, key):
    names = [f"r{i}" for i in range(runs)]
    orders = balanced_orders(names, count, key)
    assert len(orders) == count
    for position in range(runs):
        shown = [order[position] for order in orders]
        counts = [shown.count(name) for name in names]
        assert max(counts) - min(counts) <= 1
    assert all(sorted(order) == names for order in orders)


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=60), st.data())
def test_examples_are_stratified_by_verb(verbs, data):
    count = data.draw(st.integers(1, len(verbs)))
    seed = data.draw(st.integers(0, 99))
    samples = pd.DataFrame({"sample_id": [f"s{i}" for i in range(len(verbs))], "verb": verbs})
    chosen = choose_examples(samples, count, seed)
    assert len(set(chosen)) == count
    assert chosen == [s for s in samples["sample_id"] if s in set(chosen)]
    taken = samples[samples["sample_id"].isin(chosen)]["verb"].value_counts()
    for verb, total in samples["verb"].value_counts().items():
        assert abs(taken.get(verb, 0) - count * total / len(verbs)) < 1 + 1e-9


@pytest.mark.parametrize(
    ("pay", "raters", "fee"), [(0.05, 5, 0.01), (0.10, 5, 0.02), (0.10, 10, 0.04), (0.01, 5, 0.01)]
)
def test_fee(pay, raters, fee):
    cost = Cost(tasks=60, raters=raters, pay=pay, seconds_per_task=20)
    assert cost.fee == pytest.approx(fee)
    assert cost.total == pytest.approx(60 * raters * (pay + fee))
