"""docs/messages.md: every quoted message is one of the toolkit's."""

import re
from pathlib import Path

import pytest

from source_texts import FILLED, texts_in

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `([^`]*)` \|", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def texts():
    packages = ("egoactgen_bench", "baselines/egoactgen_baselines", "lego/egoactgen_lego")
    return {text for name in packages for text in texts_in(ROOT / name)}


def test_every_row_quotes_a_message():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    headings = sum(line == "| message | cause | next step |" for line in rows)
    assert len(MESSAGES) == len(rows) - headings > 25


@pytest.mark.parametrize("message", MESSAGES)
def test_the_message_exists(texts, message):
    """`…` stands for any text; everything else is in one text of the source, in this order."""
    parts = [part for part in message.split(FILLED) if part.strip(" .:'(),")]
    assert max(map(len, parts)) > 12
    pattern = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
    assert any(pattern.search(text) for text in texts)
