"""Edit lists of several parts: how far FFmpeg's times of their frames can be trusted."""

from collections.abc import Iterable, Sequence


def has_several_parts(discarded: Sequence[bool]) -> bool:
    """Whether frames are displayed again after others that are not; in the order of the index."""
    first = discarded.index(False) if False in discarded else len(discarded)
    hidden = discarded.index(True, first) if True in discarded[first:] else len(discarded)
    return False in discarded[hidden:]


def contiguous_until(frames: Iterable[tuple[int, int]]) -> int | None:
    """The time (in ticks) until which each frame begins where the one before ends.

    `frames` are the times and durations of the displayed frames. FFmpeg moves, repeats or drops
    frames at the cut between two parts if their coded order is not the displayed one; all later
    times are wrong then. None if there is no gap and no overlap.
    """
    end: int | None = None
    for begin, duration in sorted(frames):
        if end is not None and begin != end:
            return min(begin, end)
        end = begin + duration
    return None
