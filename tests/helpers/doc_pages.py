"""The documentation's pages: their blocks of code, and running a page as it stands.

A block either has a title that begins with "Needs" and says what it needs, or a test runs it: the
test of its page in `RUN_BY`. Some of the former run in tests/docs/test_prepared_blocks.py.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Pages with blocks that run, and the tests that run them.
RUN_BY = {
    "README.md": ".ci/run",
    "docs/cluster.md": "tests/docs/test_cluster_page.py",
    "docs/epic-kitchens.md": "tests/docs/test_walkthroughs.py",
    "docs/plugins.md": "tests/api/test_additions.py",
    "docs/python.md": "tests/docs/test_python_page.py",
    "docs/quickstart.md": "tests/docs/test_walkthroughs.py",
    "docs/weights.md": "tests/docs/test_walkthroughs.py",
    "docs/your-method.md": "tests/docs/test_walkthroughs.py",
}
NEEDS = "Needs "
FENCE = re.compile(r"```(\w*)(?: title=\"([^\"]*)\")?$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, from the line `line` on."""

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def place(self) -> str:
        """The page and line, as editors take them."""
        return f"{self.page}:{self.line}"

    @property
    def needs(self) -> bool:
        """Whether the title says what the block needs, so that no test runs it."""
        return self.title.startswith(NEEDS)

    @property
    def commands(self) -> list[str]:
        """The lines of a block of commands, without comments; continued lines are joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in lines if line.strip() and not line.startswith("#")]


def pages() -> list[Path]:
    """The README and every page of the documentation."""
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    name, lines = page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8").splitlines()
    start, opening = 0, None
    for number, line in enumerate(lines, start=1):
        if opening is None and line.startswith("```"):
            start, opening = number, FENCE.match(line)
            assert opening, f"{name}:{number}: write ```language title=…"
        elif opening is not None and line == "```":
            text = "\n".join(lines[start : number - 1]) + "\n"
            yield Block(name, start, opening[1], opening[2] or "", text)
            opening = None
    assert opening is None, f"{name}:{start}: the block has no end"


def run_page(name: str, bench: Callable[..., Any], folder: Path) -> list[Any]:
    """Run the blocks of a page that need nothing, in the current folder; the results in order.

    Python blocks whose title is a file's name are written to `folder`.
    """
    results = []
    for block in blocks(DOCS / name):
        if block.language == "python" and not block.needs:
            (folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "bash" and not block.needs:
            results += run_block(block, bench, {})
    return results


def block_of(name: str, command: str) -> Block:
    """The block of a page that contains a command or the beginning of one."""
    (block,) = (each for each in blocks(DOCS / name) if command in each.text)
    return block


def run_block(block: Block, bench: Callable[..., Any], replaced: dict[str, str]) -> list[Any]:
    """The results of a block's `bench` commands, with some of their words replaced."""
    results = []
    for command in block.commands:
        program, *words = shlex.split(command, comments=True)
        assert program == "bench", f"{block.place}: {command}"
        result = bench(*(replaced.get(word, word) for word in words))
        assert result.status == 0, f"{block.place}: {command}\n{result.err}"
        results.append(result)
    return results
