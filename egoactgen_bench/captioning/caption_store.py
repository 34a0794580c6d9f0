"""Captions on disk by the frame that they describe: one JSON line each, one file per process.

Lines are only appended, so that a killed process leaves at most one incomplete line, which is not
read. Only the captions' positions in the files are kept in memory.
"""

import json
import secrets
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.support.regular_files import append_regular, open_regular
from egoactgen_bench.support.row_store import ABSENT, BLOCK_BITS, KeyIndex, short_keys


class CaptionStore:
    """Captions of one captioner in one folder, by the sha256 of the frame's content.

    With `fresh`, captions of earlier processes are ignored.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        self._folder = folder
        self._index = KeyIndex()
        self._files: list[Path] = []
        self._read: dict[Path, int] = {}  # bytes of each file that are indexed
        self._own = folder / f"{secrets.token_hex(6)}.jsonl"
        self._old = set(folder.glob("*.jsonl")) if fresh else set()

    def get(self, keys: Sequence[bytes], compute: Callable[[list[int]], list[str]]) -> list[str]:
        """Captions for `keys`; `compute` returns those of the positions that are missing."""
        self._refresh(self._old)
        distinct = list(dict.fromkeys(keys))
        known = self._index.find(short_keys(distinct)) != ABSENT
        missing = [key for key, there in zip(distinct, known, strict=True) if not there]
        if missing:
            self._add(missing, compute([keys.index(key) for key in missing]))
            self._refresh(self._old)
        return self._look_up(short_keys(list(keys)))

    def find(self, keys: NDArray[np.uint64]) -> list[str]:
        """Captions by short key, written by any process; empty where missing."""
        self._refresh(frozenset())
        return self._look_up(keys)

    def _look_up(self, keys: NDArray[np.uint64]) -> list[str]:
        return [
            "" if place == ABSENT else self._line(place)["caption"]
            for place in self._index.find(keys).tolist()
        ]

    def _add(self, keys: Sequence[bytes], captions: Sequence[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with append_regular(self._own) as stream:
            for key, caption in zip(keys, captions, strict=True):
                line = {"frame": key.hex(), "caption": caption}
                stream.write(f"{json.dumps(line, ensure_ascii=False)}\n".encode())

    def _line(self, place: int) -> dict[str, str]:
        with open_regular(self._files[place >> BLOCK_BITS]) as stream:
            stream.seek(place & ((1 << BLOCK_BITS) - 1))
            line: dict[str, str] = json.loads(stream.readline())
        return line

    def _refresh(self, without: Collection[Path]) -> None:
        """Index the lines written since, by this or other processes."""
        for path in sorted(set(self._folder.glob("*.jsonl")).difference(without)):
            start = self._read.get(path, 0)
            if path.stat().st_size <= start:
                continue
            if path not in self._read:
                self._files.append(path)
            keys, places = [], []
            with open_regular(path) as stream:
                stream.seek(start)
                for line in stream:
                    # Another process is still writing this line.
                    if not line.endswith(b"\n"):
                        break
                    if key := _key(line):
                        keys.append(key)
                        places.append(self._files.index(path) << BLOCK_BITS | start)
                    start += len(line)
            self._index.add(short_keys(keys), np.array(places, np.int64))
            self._read[path] = start


def _key(line: bytes) -> bytes:
    """The frame's hash in a line of a store; empty for a damaged line, whose frame is missing."""
    try:
        found = json.loads(line)
        return bytes.fromhex(found["frame"]) if isinstance(found["caption"], str) else b""
    except (ValueError, KeyError, TypeError, RecursionError):
        return b""
