"""Links between the repository's pages, the site's navigation, and its lists of public names."""

import re
from pathlib import Path

import pytest
import yaml

import egoactgen_bench
from doc_pages import DOCS, ROOT
from egoactgen_bench import api

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")
IMAGE = re.compile(r"<img src=\"([^\"]*)\"")
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def links(page: Path) -> list[tuple[Path, str]]:
    """(path, anchor) of each relative link and image of a page, outside of code."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    found = [*LINK.findall(text), *((image, "") for image in IMAGE.findall(text))]
    return [(page.parent / link if link else page, anchor) for link, anchor in found]


def reachable() -> list[Path]:
    """The pages at the root and in docs/, and those to which they link."""
    found = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
    for page in found:  # grows
        for path, _ in links(page):
            readme = path / "README.md"
            target = (readme if readme.is_file() else path).resolve()
            if target.suffix == ".md" and target.is_file() and target not in found:
                found.append(target)
    return found


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site write them."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", shown).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", reachable(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_anchors_exist(page):
    for target, anchor in links(page):
        assert target.exists(), target
        if anchor:
            assert anchor in anchors(target), f"{target}#{anchor}"


def test_the_navigation_has_every_page_once():
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    site = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)

    def listed(entries):
        for entry in entries:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else listed(value)

    assert sorted(listed(site["nav"])) == sorted(page.name for page in DOCS.glob("*.md"))


def test_the_references_list_every_public_name():
    interfaces = re.findall(
        r"^::: egoactgen_bench\.api\.(\w+)$", (DOCS / "api.md").read_text(), re.M
    )
    assert sorted(interfaces) == sorted(api.__all__)
    page = (DOCS / "python-reference.md").read_text()
    names = re.findall(r"^::: egoactgen_bench\.(\w+)$", page, re.M)
    public = set(egoactgen_bench.__all__) - {"__version__"} - set(interfaces)
    assert sorted(names) == sorted(public)
