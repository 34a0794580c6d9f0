"""MkDocs hook: files of the repository that pages link to become part of the site.

Pages link to files outside of docs/ by relative paths, as GitHub shows them. Such a file is added
to the site under `repository/`: Markdown as a page, everything else as a file. Of a folder, its
README is added; the link to a folder without one becomes plain text.
"""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>(?!\w+:|#)[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
BLOCK = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the linked files, and those to which they link."""
    pages = [Path(str(file.abs_src_path)) for file in files.documentation_pages()]
    while pages:
        page = pages.pop()
        for text in BLOCK.split(page.read_text(encoding="utf-8"))[::2]:
            for link in LINK.finditer(text):
                path = _target(page, link["path"])
                if not path.is_file() or files.get_file_from_path(_in_site(path)):
                    continue  # the build itself warns of a link without a file
                added = File.generated(config, _in_site(path), abs_src_path=str(path))
                added.inclusion = InclusionLevel.NOT_IN_NAV
                files.append(added)
                if path.suffix == ".md":
                    pages.append(path)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace the paths of links by those within the site."""
    place = Path(str(page.file.abs_src_path))
    folder = Path(_in_site(place)).parent

    def replaced(link: re.Match[str]) -> str:
        path = _target(place, link["path"])
        if path.is_dir():
            return link["text"]
        if not path.is_file():
            return link[0]
        return f"[{link['text']}]({os.path.relpath(_in_site(path), folder)}{link['anchor'] or ''})"

    parts = BLOCK.split(markdown)
    parts[::2] = [LINK.sub(replaced, part) for part in parts[::2]]
    return "".join(parts)


def _target(place: Path, link: str) -> Path:
    """The file that a link in the page `place` names; of a folder, its README if it has one."""
    path = Path(os.path.normpath(place.parent / link))
    readme = path / "README.md"
    return readme if readme.is_file() else path


def _in_site(path: Path) -> str:
    """The path of a file of the repository within the site's sources."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    return f"repository/{path.relative_to(ROOT).as_posix()}"  # docs/splits.md is not splits/
