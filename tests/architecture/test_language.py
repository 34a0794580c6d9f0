"""Plain technical English: phrases that the whole tree avoids, in text, messages and names."""

import pytest

from language_rules import RULES, files_in_tree, uses


@pytest.fixture(scope="module")
def found():
    return list(uses(files_in_tree()))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.avoid)
def test_the_tree_avoids_the_phrase(found, rule):
    hits = [str(use) for use in found if use.rule is rule]
    assert not hits, "\n" + "\n".join(hits)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.avoid)
def test_a_rule_finds_its_examples_and_accepts_its_advice(rule):
    for example in rule.avoid.split("; "):
        source = f"from somewhere import {example}\n" if not rule.phrases else f"# {example}\n"
        assert [use.rule for use in uses({"example.py": source})].count(rule), example
    advice = {"README.md": rule.write, "example.py": f"# {rule.write}\n"}
    assert [str(use) for use in uses(advice)] == []


@pytest.mark.parametrize(
    "text",
    [
        'raise BenchError("There is "\n    f"no dtype {name}")\n',
        "# a stopped run goes\n# on where it was\n",
        "def test_what_is_told_goes_on(): ...\n",
        "class Share: ...\n",
    ],
)
def test_wrapped_phrases_and_names_are_found(text):
    assert list(uses({"example.py": text}))


def test_ordinary_english_is_accepted():
    text = (
        "NaN where there are no votes. Its value is no longer than the limit and no more than 1. "
        "The stage holds images in memory. A run of 20 tokens an image has. An item stands on the "
        "counter. The acting hand on its way. Users paid for it; the annotation says what is wrong."
    )
    assert [str(use) for use in uses({"README.md": text})] == []
