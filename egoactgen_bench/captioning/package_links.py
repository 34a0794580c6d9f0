"""Links installed packages into another environment of the same Python version."""

from collections.abc import Collection, Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def link_packages(packages: Iterable[str], to: Path, except_for: Iterable[str]) -> list[str]:
    """Link packages and their requirements into the folder `to`; returns the linked names.

    Packages in `except_for` are not linked, nor those that only they require. The other environment
    sees nothing else of this one.
    """
    found: dict[str, Distribution] = {}
    own = {canonicalize_name(name) for name in except_for}
    for package in packages:
        _collect(package, frozenset(), own, found)
    to.mkdir(parents=True)
    for installed in found.values():
        for top in sorted({file.parts[0] for file in installed.files or ()}):
            link = to / top
            if top not in ("..", "__pycache__") and not top.endswith(".pth") and not link.exists():
                link.symlink_to(Path(str(installed.locate_file(top))).resolve())
    return sorted(found)


def _collect(
    name: str, extras: frozenset[str], own: Collection[str], found: dict[str, Distribution]
) -> None:
    key = canonicalize_name(name)
    if key in own or (key in found and not extras):
        return
    try:
        found[key] = distribution(name)
    except PackageNotFoundError:
        return  # not needed in this environment, and so not in the other one
    for line in found[key].requires or ():
        needed = Requirement(line)
        wanted = ("", *extras)
        if not needed.marker or any(needed.marker.evaluate({"extra": e}) for e in wanted):
            _collect(needed.name, frozenset(needed.extras), own, found)
