"""Signs of life of processes that share a folder, also from several machines.

A process touches its file every few seconds. Who waits for it sees whether the file changes, and
needs neither a connection, a lock nor the same clock.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS = 5.0  # between two touches
# Without a change, a process counts as ended. Network file systems show changes within a minute;
# the rest is for a process that starts later than others.
LOST_AFTER = 600.0  # seconds


@contextmanager
def heartbeat(file: Path) -> Iterator[None]:
    """Touch `file` in a thread until the block ends, then remove it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(SECONDS):
            # Without creating it: its folder may have been removed as complete.
            with suppress(OSError):
                os.utime(file)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        file.unlink(missing_ok=True)


class Watch:
    """Which of the watched files have not changed for `LOST_AFTER` seconds."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int | None, float]] = {}  # mtime, and since when

    def is_lost(self, file: Path) -> bool:
        """Whether the file is unchanged, or missing, since so long; call it repeatedly."""
        now = time.monotonic()
        try:
            changed: int | None = file.stat().st_mtime_ns
        except OSError:
            changed = None
        before, since = self._seen.get(file, (changed, now))
        if before != changed:
            since = now
        self._seen[file] = changed, since
        return now - since > LOST_AFTER
