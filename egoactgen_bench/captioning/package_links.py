"""Lending installed packages to another environment of the same Python, by links."""

from collections.abc import Collection, Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def link_packages(packages: Iterable[str], to: Path, except_for: Iterable[str]) -> list[str]:
    """Link packages and all that they require into the folder `to`; the names of what was lent.

    What is named in `except_for` is not lent, nor what only it requires. Of our environment the
    borrower sees the linked packages alone.
    """
    found: dict[str, Distribution] = {}
    own = {canonicalize_name(name) for name in except_for}
    for package in packages:
        _collect(package, frozenset(), own, found)
    to.mkdir(parents=True)
    for lent in found.values():
        for top in sorted({file.parts[0] for file in lent.files or ()}):
            link = to / top
            if top not in ("..", "__pycache__") and not top.endswith(".pth") and not link.exists():
                link.symlink_to(Path(str(lent.locate_file(top))).resolve())
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
        return  # what is not needed here is not needed there
    for line in found[key].requires or ():
        needed = Requirement(line)
        wanted = ("", *extras)
        if not needed.marker or any(needed.marker.evaluate({"extra": e}) for e in wanted):
            _collect(needed.name, frozenset(needed.extras), own, found)
