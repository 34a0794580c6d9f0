"""Arrays of rows on disk, by content: features of frames, and measurements of metrics.

One folder per signature, one pair of files per writing process: `<token>-<dtype>-<width>.rows`
contains the values, `.keys` the sha256 of the content that each row was computed from. Rows are
only appended, a key after its row, so that a killed process leaves no incomplete entry, and
processes never write to the same file. Only an index of the rows is kept in memory.
"""

import hashlib
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.support.regular_files import append_regular, open_regular

KEY_BYTES = 32
_KEY_FILE = re.compile(r"[0-9a-f]{12}-f[248]-[1-9][0-9]{0,8}\.keys")
BLOCK_BITS = 40  # a place is block << BLOCK_BITS | row
ABSENT = -1


def with_revision(signature: str, revision: int) -> str:
    """The key of the results of a revision of code, which is the signature for revision 1."""
    return signature if revision == 1 else f"{signature}|r:{revision}"


class Revised(ABC):
    """Base of computations whose results are cached: signature, and revision of the code."""

    # Increase it, and that of the metrics based on it, with every change of code that changes a
    # result.
    revision: ClassVar[int] = 1

    @abstractmethod
    def signature(self) -> str:
        """Everything that affects a result: network, weights, preprocessing, decoding."""

    def kept_as(self) -> str:
        """The key under which results are stored."""
        return with_revision(self.signature(), self.revision)


def short_keys(keys: bytes | Sequence[bytes]) -> NDArray[np.uint64]:
    """(n,) uint64: the first 8 bytes of each sha256, which the index contains."""
    joined = keys if isinstance(keys, bytes) else b"".join(keys)
    # Two of 10 million frames have the same 8 bytes with a probability of 3 in a million; complete
    # keys would take 2.5 times the memory.
    return np.frombuffer(joined, dtype="<u8")[:: KEY_BYTES // 8]


class KeyIndex:
    """Positions of rows by short key: sorted arrays, 16 bytes per entry, and recent additions."""

    def __init__(self) -> None:
        self._keys = np.empty(0, np.uint64)
        self._places = np.empty(0, np.int64)
        self._recent: dict[int, int] = {}

    def add(self, keys: NDArray[np.uint64], places: NDArray[np.int64]) -> None:
        """Add the positions of rows; a known key keeps its position."""
        for key, place in zip(keys.tolist(), places.tolist(), strict=True):
            # The first position is kept, as rows of one key may differ in their last bits.
            self._recent.setdefault(key, place)
        # Merged only in large steps, as that sorts all keys.
        if len(self._recent) > 4096:
            keys = np.concatenate([self._keys, np.fromiter(self._recent, np.uint64)])
            places = np.concatenate([self._places, np.fromiter(self._recent.values(), np.int64)])
            self._keys, first = np.unique(keys, return_index=True)
            self._places = places[first]
            self._recent = {}

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n,) int64 positions; `ABSENT` for unknown keys."""
        places = np.array([self._recent.get(key, ABSENT) for key in keys.tolist()], np.int64)
        if len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            known = self._keys[at] == keys
            places[known] = self._places[at[known]]
        return places


class RowStore:
    """Rows of one signature by key, in a folder or, without one, in memory."""

    def __init__(self, folder: Path | None, *, fresh: bool = False) -> None:
        self._folder = folder
        self._token = secrets.token_hex(6)
        self._index = KeyIndex()
        self._blocks: list[Path | NDArray[np.floating]] = []
        self._counts: dict[Path, int] = {}  # rows of each file that are indexed
        self._streams: tuple[BinaryIO, BinaryIO] | None = None
        self._old = self._key_files() if fresh else set()
        self.refresh()

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n,) int64 positions of short keys; `ABSENT` for missing rows."""
        return self._index.find(keys)

    def read(self, places: NDArray[np.int64]) -> NDArray[np.floating]:
        """(n, width) rows at positions, copied from the files."""
        if not len(places):
            return np.empty((0, 1))
        blocks = places >> BLOCK_BITS
        rows = places & ((1 << BLOCK_BITS) - 1)
        found: NDArray[np.floating] | None = None
        for block in np.unique(blocks):
            here = blocks == block
            values = self._block(int(block))[rows[here]]
            if found is None:
                found = np.empty((len(places), values.shape[1]), values.dtype)
            found[here] = values
        assert found is not None
        return found

    def add(self, keys: Sequence[bytes], rows: NDArray[np.floating]) -> None:
        """Append rows (n, width), float16, float32 or float64, by their sha256."""
        if self._folder is None:
            self._blocks.append(np.array(rows))
            self._note(short_keys(keys), len(self._blocks) - 1, 0)
            return
        name = f"{self._token}-{rows.dtype.str[1:]}-{rows.shape[1]}"
        if self._streams is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._streams = (
                append_regular(self._folder / f"{name}.rows"),
                append_regular(self._folder / f"{name}.keys"),
            )
        # The row is written before its key, as a key without a row would be read as a result.
        for stream, data in zip(self._streams, (rows.tobytes(), b"".join(keys)), strict=True):
            stream.write(data)
            stream.flush()
        self._take_in(self._folder / f"{name}.keys")

    def close(self) -> None:
        """Close the files that rows are added to; the store can then be pickled."""
        for stream in self._streams or ():
            stream.close()
        self._streams = None

    def refresh(self, *, old: bool = False) -> None:
        """Index rows written since by others; with `old`, also those that a fresh store ignored.

        The latest files come first, as the first row of a key is kept.
        """
        paths = self._key_files() - (set() if old else self._old)
        for path in sorted(paths, key=lambda path: -path.stat().st_mtime_ns):
            self._take_in(path)

    def _key_files(self) -> set[Path]:
        found = self._folder.glob("*.keys") if self._folder else ()
        # Not files of other programs, such as `._<name>`, which macOS writes next to each file.
        own = (path for path in found if _KEY_FILE.fullmatch(path.name) and path.is_file())
        return {path for path in own if path.with_suffix(".rows").is_file()}

    def _take_in(self, path: Path) -> None:
        known = self._counts.get(path, 0)
        # Only complete entries, as another process may be writing one.
        count = min(path.stat().st_size // KEY_BYTES, len(_mapped(path)))
        if count <= known:
            return
        if path not in self._counts:
            self._blocks.append(path)
        with open_regular(path) as stream:
            stream.seek(known * KEY_BYTES)
            keys = stream.read((count - known) * KEY_BYTES)
        self._note(short_keys(keys), self._blocks.index(path), known)
        self._counts[path] = count

    def _note(self, keys: NDArray[np.uint64], block: int, start: int) -> None:
        self._index.add(keys, (block << BLOCK_BITS) + np.arange(start, start + len(keys)))

    def _block(self, number: int) -> NDArray[np.floating]:
        block = self._blocks[number]
        return _mapped(block) if isinstance(block, Path) else block


def _mapped(keys: Path) -> NDArray[np.floating]:
    """The rows that belong to a keys file, memory-mapped as long as the caller references them."""
    _, dtype, width = keys.stem.split("-")
    rows = keys.with_suffix(".rows")
    count = rows.stat().st_size // (np.dtype(dtype).itemsize * int(width))
    if not count:
        return np.empty((0, int(width)), dtype)
    # Mapped instead of read: 2,048 features of each of 100,000 frames take 0.8 GB.
    # The path as text, as NumPy would resolve the links in a Path.
    return np.memmap(str(rows), dtype=dtype, mode="r", shape=(count, int(width)))


class StoredRows:
    """Rows (n, width) that are read when they are sliced, so that they need not fit in memory."""

    def __init__(self, store: RowStore, places: NDArray[np.int64]) -> None:
        self.store = store
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.places), self.store.read(self.places[:1]).shape[1]

    def __getitem__(self, part: Any) -> NDArray[np.floating]:
        rows, *columns = part if isinstance(part, tuple) else (part,)
        found = self.store.read(np.atleast_1d(self.places[rows]))
        found = found[0] if np.ndim(self.places[rows]) == 0 else found
        return found[..., columns[0]] if columns else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.floating]:
        return np.asarray(self.store.read(self.places), dtype=dtype)


class FeatureCache:
    """Features by extractor signature and content, in a folder or, without one, in memory.

    With `fresh`, features of earlier processes are ignored.
    """

    def __init__(self, folder: Path | None = None, *, fresh: bool = False) -> None:
        self._folder = folder
        self._fresh = fresh
        self._stores: dict[str, RowStore] = {}

    def get(
        self,
        signature: str,
        keys: Sequence[bytes],
        compute: Callable[[list[int]], NDArray[np.float32]],
        keep: bool,
    ) -> NDArray[np.float32]:
        """(n, d) features for `keys`; `compute` returns those of the positions that are missing."""
        store = self.store(signature)
        distinct = list(dict.fromkeys(keys))
        places = store.find(short_keys(distinct))
        known = places != ABSENT
        rows = dict(
            zip(
                [key for key, there in zip(distinct, known, strict=True) if there],
                store.read(places[known]),
                strict=True,
            )
        )
        missing = [key for key in distinct if key not in rows]
        if missing:
            fresh = np.asarray(compute([keys.index(key) for key in missing]), dtype=np.float32)
            rows |= dict(zip(missing, fresh, strict=True))
            if keep:
                store.add(missing, fresh)
        return np.stack([rows[key] for key in keys])

    def store(self, signature: str) -> RowStore:
        """The store of one signature."""
        if signature not in self._stores:
            name = hashlib.sha256(signature.encode()).hexdigest()[:24]
            folder = self._folder / name if self._folder else None
            self._stores[signature] = RowStore(folder, fresh=self._fresh)
        return self._stores[signature]
