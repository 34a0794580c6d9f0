"""Finds links that lead out of a folder, before anything is written below it."""

import os
from contextlib import suppress
from pathlib import Path

from egoactgen_bench.support.regular_files import owned_path


def refuse_outside_links(folder: Path) -> None:
    """Raise `BenchError` for a link anywhere below `folder` that leads out of it.

    A folder from others may be half finished: what a command adds to it must not be written to, or
    removed from, another place. `folder` may be missing, a file, or itself a link.
    """
    pending = [folder]
    while pending:
        # Another process may remove a folder, or replace it, in between.
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    owned_path(folder, Path(entry).relative_to(folder).as_posix())
                elif entry.is_dir():
                    pending.append(Path(entry))
