"""Rows of numbers kept on disk by content: features of frames, and what metrics measured.

One folder per signature, one pair of files per writing process: `<token>-<dtype>-<width>.rows`
holds the numbers, `.keys` the sha256 of what each row was computed from. Rows are only ever
appended, a key after its row, so a process that is killed leaves nothing half there and several
processes never write to one file.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 32


class RowStore:
    """Rows of one signature, by key; without a folder they live in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._token = secrets.token_hex(6)
        self._blocks: dict[str, NDArray[np.floating]] = {}  # by the keys file's name
        self._where: dict[bytes, tuple[str, int]] = {}  # key → (block, row)
        self._streams: tuple[BinaryIO, BinaryIO] | None = None
        self.refresh()

    def __contains__(self, key: bytes) -> bool:
        return key in self._where

    def __getitem__(self, key: bytes) -> NDArray[np.floating]:
        block, row = self._where[key]
        return self._blocks[block][row]

    def refresh(self) -> None:
        """Take in what other processes have written since."""
        if self._folder is None or not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("*.keys")):
            known = len(self._blocks.get(path.name, ()))
            _, dtype, width = path.stem.split("-")
            rows = path.with_suffix(".rows")
            record = np.dtype(dtype).itemsize * int(width)
            count = min(path.stat().st_size // KEY_BYTES, rows.stat().st_size // record)
            if count <= known:
                continue
            with path.open("rb") as stream:
                stream.seek(known * KEY_BYTES)
                keys = stream.read((count - known) * KEY_BYTES)
            shape = (count, int(width))
            self._blocks[path.name] = np.memmap(rows, dtype=dtype, mode="r", shape=shape)
            for index in range(known, count):
                start = (index - known) * KEY_BYTES
                self._where[keys[start : start + KEY_BYTES]] = (path.name, index)

    def add(self, keys: Sequence[bytes], rows: NDArray[np.floating]) -> None:
        """Append rows (n, width) float32 or float64."""
        if self._folder is None:
            block = str(len(self._blocks))
            self._blocks[block] = np.array(rows)
            self._where.update({key: (block, index) for index, key in enumerate(keys)})
            return
        if self._streams is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f"{self._token}-{rows.dtype.str[1:]}-{rows.shape[1]}"
            self._streams = (
                (self._folder / f"{name}.rows").open("ab"),
                (self._folder / f"{name}.keys").open("ab"),
            )
        for stream, data in zip(self._streams, (rows.tobytes(), b"".join(keys)), strict=True):
            stream.write(data)
            stream.flush()
        self.refresh()


class FeatureCache:
    """Features by extractor signature and content; without a folder they live in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._stores: dict[str, RowStore] = {}

    def get(
        self,
        signature: str,
        keys: Sequence[bytes],
        compute: Callable[[list[int]], NDArray[np.float32]],
        keep: bool,
    ) -> NDArray[np.float32]:
        """(n, d) features for `keys`; `compute` gives those of the positions not yet known."""
        store = self.store(signature)
        first = {key: index for index, key in reversed(list(enumerate(keys)))}
        wanted = sorted(index for key, index in first.items() if key not in store)
        fresh: dict[bytes, NDArray[np.floating]] = {}
        if wanted:
            rows = np.asarray(compute(wanted), dtype=np.float32)
            fresh = {keys[index]: row for index, row in zip(wanted, rows, strict=True)}
            if keep:
                store.add(list(fresh), rows)
        return np.stack([fresh[key] if key in fresh else store[key] for key in keys])

    def store(self, signature: str) -> RowStore:
        """The store of one signature."""
        if signature not in self._stores:
            name = hashlib.sha256(signature.encode()).hexdigest()[:24]
            self._stores[signature] = RowStore(self._folder and self._folder / name)
        return self._stores[signature]
