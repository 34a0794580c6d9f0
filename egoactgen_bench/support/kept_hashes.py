"""sha256 of files, computed once per content: kept in a folder, by path, size and times.

Any number of processes share the folder. Each appends to a file of its own, one JSON array per
line: path, size, mtime and ctime in nanoseconds, sha256. A file with another size or time is read
again.
"""

import json
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.file_states import FileState, state_of
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.regular_files import append_regular, read_regular
from egoactgen_bench.support.replacing import exclusive
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.support.threads import map_in_threads

SMALLEST = 1 << 16  # bytes; reading less takes about as long as looking it up
SHOWN = 1 << 30  # bytes that are hashed with a progress bar
MOST_JOURNALS = 32  # before the files of ended processes are merged
SETTLED = 2.0  # seconds; the coarsest times of a file system in use are 2 s apart
OLD = 86_400.0  # seconds
_JOURNAL = re.compile(r"[0-9a-f]{12}\.jsonl")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class KeptHashes:
    """Hashes in `folder`, or without one in memory only.

    With `verify`, each file is read again once, and a `BenchError` is raised if its content has
    changed although its size and times have not. Under a launcher, rank 0 does this.
    """

    def __init__(self, folder: Path | None = None, *, verify: bool = False) -> None:
        self.folder = folder
        self._verify = verify and ProcessShard.of_process().rank == 0
        self._known: dict[str, tuple[FileState, str]] = {}
        self._verified: set[str] = set()
        self._read: dict[Path, int] = {}  # journals, and how many of their bytes are known
        self._journal: BinaryIO | None = None

    def of(self, paths: Sequence[Path]) -> list[str]:
        """The sha256 of each file; empty for anything but a regular file.

        Raises `OSError` for a missing file. Of several processes, one computes what is missing,
        while the others wait; where the file system has no locks, each computes it.
        """
        states = _states(paths)
        found = [self._find(state) for state in states]
        if self.folder is None or not self._worth_keeping(states, found):
            return self._completed(states, found)
        self._refresh()
        found = [self._find(state) for state in states]
        if not self._worth_keeping(states, found):
            return self._completed(states, found)
        with exclusive(self.folder):
            self._merge(self.folder, self._refresh())
            found = [self._find(state) for state in states]
            return self._completed(states, found)

    def adopt(self, other: "KeptHashes") -> None:
        """Take over what this process has hashed before."""
        self._known |= other._known

    def differences(self) -> list[str]:
        """The unchanged files, by size and times, whose content is not that of their kept hash."""
        self._refresh()
        kept = sorted(self._known.values())
        same = [(state, sha256) for state, sha256 in kept if _is_now(state)]
        found = map_in_threads(_hash, [state for state, _ in same])
        return [
            state.path
            for (state, sha256), (now, _) in zip(same, found, strict=True)
            if now != sha256
        ]

    def _find(self, state: FileState | None) -> str | None:
        """The hash of an unchanged file; None if it must be read."""
        if state is None:
            return ""
        kept, sha256 = self._known.get(state.path, (None, None))
        again = self._verify and state.path not in self._verified
        return sha256 if kept == state and not again else None

    @staticmethod
    def _worth_keeping(states: Sequence[FileState | None], found: Sequence[str | None]) -> bool:
        pairs = zip(states, found, strict=True)
        return any(s and s.size >= SMALLEST for s, sha256 in pairs if sha256 is None)

    def _completed(
        self, states: Sequence[FileState | None], found: Sequence[str | None]
    ) -> list[str]:
        """`found` with the hashes that are missing in it, each kept as soon as it is known."""
        from tqdm import tqdm

        unknown = {state.path: state for state, sha256 in zip(states, found, strict=True)
                   if state is not None and sha256 is None}  # fmt: skip
        total = sum(state.size for state in unknown.values())
        computed: dict[str, str] = {}
        settings: dict[str, Any] = {"unit": "B", "unit_scale": True, "total": total}
        with tqdm(desc="hashes", disable=None if total >= SHOWN else True, **settings) as bar:
            hashed = map_in_threads(_hash, unknown.values())
            for state, (sha256, settled) in zip(unknown.values(), hashed, strict=True):
                computed[state.path] = sha256
                bar.update(state.size)
                if settled:
                    self._keep(state, sha256)
        return [
            computed[state.path] if sha256 is None and state is not None else sha256 or ""
            for state, sha256 in zip(states, found, strict=True)
        ]

    def _keep(self, state: FileState, sha256: str) -> None:
        kept = self._known.get(state.path)
        if self._verify and kept is not None and kept[0] == state and kept[1] != sha256:
            raise BenchError(
                f"The content of {state.path} has changed since its hash was kept, although its "
                "size and times have not: restore the file, or accept it by deleting "
                f"{self.folder or 'the kept hashes'}."
            )
        self._verified.add(state.path)
        self._known[state.path] = state, sha256
        if self.folder is not None and state.size >= SMALLEST and kept != (state, sha256):
            self._append(self.folder, [(state, sha256)])

    def _append(self, folder: Path, entries: Iterable[tuple[FileState, str]]) -> None:
        if self._journal is None:
            self._journal = append_regular(folder / f"{secrets.token_hex(6)}.jsonl")
        self._journal.writelines(_line(*entry) for entry in entries)
        self._journal.flush()

    def _refresh(self) -> list[Path]:
        """Read what other processes have added, and return their files."""
        if self.folder is None or not self.folder.is_dir():
            return []
        journals = [path for path in self.folder.iterdir() if _JOURNAL.fullmatch(path.name)]
        for path in journals:
            with suppress(OSError):  # merged by another process in between, or not a regular file
                self._take_in(path)
        return journals

    def _take_in(self, path: Path) -> None:
        known = self._read.get(path, 0)
        if path.stat().st_size <= known:
            return
        # The last line may be incomplete: its process was killed, or is writing it now.
        lines, end, _ = read_regular(path)[known:].rpartition(b"\n")
        self._read[path] = known + len(lines) + len(end)
        for line in lines.splitlines():
            if entry := _parsed(line):
                self._known[entry[0].path] = entry

    def _merge(self, folder: Path, journals: Sequence[Path]) -> None:
        """Replace the files of processes that have ended by one."""
        old = [path for path in journals if time.time() - path.stat().st_mtime > OLD]
        if len(old) > MOST_JOURNALS:
            self._append(folder, self._known.values())
            for path in old:
                path.unlink()


def is_folder(folder: Path) -> bool:
    """Whether hashes are kept in this folder."""
    return folder.is_dir() and any(_JOURNAL.fullmatch(path.name) for path in folder.iterdir())


_current = KeptHashes()


def current() -> KeptHashes:
    """The hashes of this process."""
    return _current


def keep_in(cache: Path | None, *, verify: bool = False) -> None:
    """Keep the hashes of this process in the folder `hashes` of a workspace's cache.

    Without a `cache`, they are kept where they were.
    """
    global _current
    folder = cache.absolute() / "hashes" if cache is not None else None
    if folder is not None and (verify or _current.folder != folder):
        before, _current = _current, KeptHashes(folder, verify=verify)
        if not verify:
            _current.adopt(before)


def _states(paths: Sequence[Path]) -> list[FileState | None]:
    if len(paths) < 256:
        return [state_of(path) for path in paths]
    # In threads, as each call waits for the server of a network file system.
    parts = [paths[start : start + 256] for start in range(0, len(paths), 256)]
    with ThreadPoolExecutor() as threads:
        return [state for part in threads.map(lambda part: [state_of(p) for p in part], parts)
                for state in part]  # fmt: skip


def _hash(state: FileState) -> tuple[str, bool]:
    """The sha256, and whether it belongs to this state: the file may be written at this moment."""
    begun = time.time_ns()
    sha256 = sha256_file(Path(state.path))
    settled = begun - max(state.mtime_ns, state.ctime_ns) > SETTLED * 1e9
    return sha256, settled and state_of(Path(state.path)) == state


def _is_now(state: FileState) -> bool:
    try:
        return state_of(Path(state.path)) == state
    except OSError:
        return False


def _line(state: FileState, sha256: str) -> bytes:
    values = [state.path, state.size, state.mtime_ns, state.ctime_ns, sha256]
    return json.dumps(values).encode() + b"\n"


def _parsed(line: bytes) -> tuple[FileState, str] | None:
    """The entry of a line; None for anything else, whose file is then read again."""
    try:
        path, size, mtime, ctime, sha256 = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    numbers = all(type(number) is int for number in (size, mtime, ctime))
    if not (numbers and isinstance(path, str) and isinstance(sha256, str)):
        return None
    return (FileState(path, size, mtime, ctime), sha256) if _SHA256.fullmatch(sha256) else None
