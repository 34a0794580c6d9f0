"""The files, commands and entry-point lines of docs/plugins.md, and a place to try them."""

import re
import shlex
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
LONGEST = 40  # lines of an example
Groups = dict[str, dict[str, str]]  # entry-point group → name → `module:object`


@dataclass(frozen=True)
class Section:
    """A section of the page."""

    text: str

    def _blocks(self, language: str) -> list[str]:
        pattern = rf"^```{language}\n(.*?)^```"
        return re.findall(pattern, self.text, re.DOTALL | re.MULTILINE)

    @property
    def module(self) -> str:
        """The name of its one file, without `.py`."""
        names = re.findall(r"^`(\w+)\.py` ", self.text, re.MULTILINE)
        assert len(names) == 1, names
        return names[0]

    @property
    def source(self) -> str:
        """The text of its one file."""
        (source,) = self._blocks("python")
        return source

    @property
    def commands(self) -> list[str]:
        """The lines of its block of commands."""
        (block,) = self._blocks("bash")
        return block.splitlines()

    @property
    def entry_points(self) -> Groups:
        """Group → name → `module:object`."""
        (block,) = self._blocks("toml")
        groups: Groups = tomllib.loads(block)["project"]["entry-points"]
        return groups

    @property
    def output(self) -> str:
        """Its one line of expected output."""
        (line,) = re.findall(r"^    (\S.*)$", self.text.split("```")[2], re.MULTILINE)
        return line


def sections() -> dict[str, Section]:
    """The sections by heading; the introduction is ""."""
    parts = re.split(r"^## (.*)\n", PAGE, flags=re.MULTILINE)
    found = {"": Section(parts[0])}
    found.update(zip(parts[1::2], map(Section, parts[2::2]), strict=True))
    return found


def install(folder: Path, module: str, groups: Groups) -> None:
    """Write the metadata of an installed package with its entry points."""
    metadata = folder / f"{module}_plugin-1.0.dist-info"
    metadata.mkdir(parents=True)
    name = f"Name: {module}-plugin\n"
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\n{name}Version: 1.0\n")
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")


@dataclass
class Outside:
    """A third party's folder, as the current folder, and a folder of installed packages."""

    folder: Path
    site: Path
    bench: Callable[..., Any]
    monkeypatch: pytest.MonkeyPatch
    source: str = ""

    def write(self, heading: str, **replaced: str) -> Section:
        """Write a section's file with some of its text replaced; return the section."""
        section = sections()[heading]
        self.source = section.source
        for old, new in replaced.items():
            self.source = self.source.replace(old, new)
        assert len(self.source.splitlines()) <= LONGEST
        (self.folder / f"{section.module}.py").write_text(self.source, encoding="utf-8")
        return section

    def run(self, command: str) -> Any:
        """A line of the page, literally; it must succeed."""
        program, *words = shlex.split(command)
        assert program == "bench"
        result = self.bench(*words)
        assert result.status == 0, (command, result.err)
        return result

    def install(self, section: Section, groups: Groups | None = None) -> None:
        """Install the file as a package with its entry-point line, and leave the folder."""
        install(self.site, section.module, groups or section.entry_points)
        (self.folder / f"{section.module}.py").rename(self.site / f"{section.module}.py")
        sys.modules.pop(section.module, None)
        self.monkeypatch.syspath_prepend(self.site)
