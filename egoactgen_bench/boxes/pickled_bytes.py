"""Reads a pickled list of bytes without Python's unpickler.

Even one that refuses all classes allocates what a pickle of 10 bytes asks for: gigabytes.
"""

import pickletools
from pathlib import Path
from typing import Any

from egoactgen_bench.support.regular_files import read_regular

BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
PUTS = {"MEMOIZE", "BINPUT", "LONG_BINPUT"}
GETS = {"BINGET", "LONG_BINGET"}
LISTS = {"PROTO", "FRAME", "MARK", "EMPTY_LIST", "APPEND", "APPENDS", "STOP"}


def read_bytes_list(path: Path) -> list[bytes]:
    """The entries of a pickled list of bytes. Raises `ValueError` for a pickle of anything else."""
    entries: list[bytes] = []
    kept: dict[int, bytes | None] = {}  # the pickle's memo; None for the list itself
    last: bytes | None = None
    argument: Any
    for operation, argument, _ in pickletools.genops(read_regular(path)):
        name = operation.name
        if name in PUTS:
            kept[len(kept) if argument is None else argument] = last
            continue
        if name in GETS:
            argument = kept.get(argument)
        elif name not in BYTES | LISTS:
            raise ValueError(f"it contains {name}, expected a list of bytes")
        last = argument if name in BYTES | GETS else None
        if last is not None:
            entries.append(last)
    return entries
