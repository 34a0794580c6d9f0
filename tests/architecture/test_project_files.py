"""Files at the root that must agree: version, dependencies, checks before a commit."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from egoactgen_bench import __version__
from egoactgen_bench.stages.doctor.machine import TESTED

ROOT = Path(__file__).parents[2]
CITATION_KEYS = {"cff-version", "message", "title", "type", "authors", "version", "license"}


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def dependencies(project) -> list[Requirement]:
    """Those of the toolkit and of all its extras."""
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for each in lists for line in each]


@pytest.fixture(scope="module")
def pinned() -> dict[str, str]:
    """Versions in constraints.txt, by canonical name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_citation_is_complete_and_has_our_version(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation.keys() >= CITATION_KEYS
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == __version__
    assert ("date-released" in citation) != Version(__version__).is_devrelease
    assert citation["license"] == project["license"]
    (paper,) = citation["references"]
    assert (paper["type"], paper["year"]) == ("conference-paper", 2024)
    names = [author["family-names"] for author in paper["authors"]]
    assert names == ["Lai", "Dai", "Chen", "Pang", "Rehg", "Liu"]
    assert "2312.03849" in paper["identifiers"][0]["value"]


def test_changelog_begins_with_our_version():
    (latest, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert latest == Version(__version__).base_version


def test_every_dependency_is_pinned_inside_its_bounds(dependencies, pinned):
    outside = [
        f"{each} has {pinned.get(canonicalize_name(each.name))}"
        for each in dependencies
        if not each.specifier.contains(pinned.get(canonicalize_name(each.name), "0"))
    ]
    assert outside == []


def test_every_pin_is_a_release_on_the_package_index(pinned):
    assert [name for name, version in pinned.items() if Version(version).local] == []


def test_doctor_knows_the_tested_versions(pinned):
    newer = [
        name
        for name, newest in TESTED.items()
        if Version(pinned[canonicalize_name(name)]).release[:2] > Version(newest).release
    ]
    assert newer == []


def test_commits_are_checked_by_the_programs_of_ci(project):
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook["entry"] for repository in config["repos"] for hook in repository["hooks"]]
    programs = {" ".join(entry.replace("--force-exclude", "").split()) for entry in hooks}
    commands = (ROOT / ".ci" / "run").read_text().splitlines()
    for program in programs:
        assert any(line.startswith(program) for line in commands), program
    assert len(programs) == 4
