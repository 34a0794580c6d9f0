"""The hub's cache: `models--OWNER--NAME/` with `refs/`, `blobs/` and `snapshots/COMMIT/`."""

from pathlib import Path

from egoactgen_bench.errors import BenchError


def snapshot_in(path: Path) -> Path:
    """The snapshot in a repository's folder of the hub's cache; another path is returned as it is.

    It is the one of the branch `main`, else the only one. Raises `BenchError` if there are several
    without that branch, or none.
    """
    snapshots = path / "snapshots"
    if not (snapshots.is_dir() and ((path / "refs").is_dir() or (path / "blobs").is_dir())):
        return path
    found = sorted(each for each in snapshots.iterdir() if each.is_dir())
    main = path / "refs" / "main"
    if main.is_file():
        commit = main.read_text(encoding="utf-8", errors="replace").strip()
        if chosen := [each for each in found if each.name == commit]:
            return chosen[0]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name[:12] for each in found) or "none"
    raise BenchError(
        f"{path} is a repository in the hub's cache, but which of its snapshots is wanted is not "
        f"clear ({names}): give the path of one, snapshots/COMMIT."
    )


def repository_of(path: Path) -> Path:
    """The repository's folder of a snapshot; any other path is returned as it is."""
    return path.parent.parent if path.parent.name == "snapshots" else path
