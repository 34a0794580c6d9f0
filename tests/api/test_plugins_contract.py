"""What registered plug-ins declare, that the docs list each, and that all exceptions are used."""

import re
from pathlib import Path

import pytest

import contract_exceptions
from egoactgen_bench.api import plugins
from plugin_contract import BASES, FEATURE_KINDS, check_commands, check_declared

DOCS = Path(__file__).parents[2] / "docs"
KINDS = (*plugins.KINDS, FEATURE_KINDS)
REGISTERED = [(kind, name) for kind in KINDS for name in plugins.registered(kind)]


def test_each_kind_has_a_base_class_or_is_a_function():
    assert set(KINDS) == {*BASES, "commands"}
    assert {kind for kind, _ in REGISTERED} == set(KINDS)


@pytest.mark.parametrize(("kind", "name"), REGISTERED)
def test_a_plugin_declares_itself(kind, name):
    plugin = contract_exceptions.built(kind, name, lambda: plugins.find(kind, name))
    check_commands(plugin) if kind == "commands" else check_declared(kind, name, plugin)


# The header of the first column in the tables that list a kind.
COLUMNS = {
    "datasets": "data set",
    "methods": "method",
    "metrics": "metric",
    "trainers": "trainer",
    "converters": "converter",
    "commands": "command group",
    FEATURE_KINDS: "feature kind",
}


def listed(folder, column):
    """The names in the first cells of all tables whose first column is called `column`."""
    found = set()
    for page in sorted(folder.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for rows in re.findall(rf"^\| {column} \|.*\n\|[- :|]+\n((?:\|.*\n)+)", text, re.MULTILINE):
            cells = (row.split("|")[1] for row in rows.splitlines())
            names = (name for cell in cells for name in re.findall(r"`([^`]+)`", cell))
            found |= {name.partition(":")[0] for name in names}
    return found


@pytest.mark.parametrize(("kind", "name"), REGISTERED)
def test_the_docs_list_every_plugin(kind, name):
    column = COLUMNS[kind]
    assert name in listed(DOCS, column), (
        f"`{name}` is in no table of docs/*.md whose first column is called '{column}'"
    )


def test_only_first_cells_of_the_right_tables_count(tmp_path):
    (tmp_path / "a.md").write_text(
        "`text` is\n\n| method | of |\n|---|---|\n| `one:DIR`, `two` ★ | `three` |\n| four | |\n"
        "\n| metric | |\n| --- | :-: |\n| `five` | |\n"
    )
    assert listed(tmp_path, "method") == {"one", "two"}
    assert listed(tmp_path, "metric") == {"five"}


def test_every_exception_is_of_a_registered_plugin_and_has_a_reason():
    metrics = {("metrics", name) for name in contract_exceptions.WITHOUT_REFERENCE_VALUE}
    excused = contract_exceptions.CANNOT_BE_BUILT.keys() | metrics
    assert excused <= set(REGISTERED)
    reasons = (
        *contract_exceptions.CANNOT_BE_BUILT.values(),
        *contract_exceptions.WITHOUT_REFERENCE_VALUE.values(),
    )
    assert all(len(reason.split()) > 3 for reason in reasons)
