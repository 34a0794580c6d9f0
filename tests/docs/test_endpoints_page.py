"""docs/endpoints.md names every option of the method and every code of a failed request."""

import re
from pathlib import Path

from egoactgen_baselines.endpoint_method import EndpointMethodOptions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "endpoints.md").read_text(encoding="utf-8")
CODE = re.compile(r"SampleError\(\s*\"(\w+)\"")
REPLACED = {"unsupported_image"}  # by bad_reply


def first_cells(header):
    """The words in backticks in the first column of the table with this header."""
    rows = re.search(rf"^\| {header} \|.*\n\|[- :|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)[1]
    cells = (row.split("|")[1] for row in rows.splitlines())
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_every_option_is_listed():
    assert sorted(first_cells("option")) == sorted(EndpointMethodOptions.model_fields)


def test_every_code_is_listed():
    sources = [*(ROOT / "egoactgen_bench" / "endpoints").glob("*.py")]
    sources.append(ROOT / "baselines" / "egoactgen_baselines" / "endpoint_method.py")
    found = {code for path in sources for code in CODE.findall(path.read_text(encoding="utf-8"))}
    assert found - REPLACED == set(first_cells("code"))
