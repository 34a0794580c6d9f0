"""Transfers between a GPU and the CPU in inner loops: found by rehearsal, compared with a list."""

from collections.abc import Callable, Mapping

from listed_transfers import Known, listed
from pretended_cuda import Place, Transfers, pretended_cuda

Lines = Mapping[Place, str]


def in_loop(run: Callable[[int], object], small: int = 2, large: int = 4) -> Lines:
    """The places whose transfers become more with the length of a loop, each with its line.

    `run(n)` runs the loop n times, on the pretended device.
    """
    found: dict[int, Transfers] = {}
    for length in (small, large):
        with pretended_cuda() as found[length]:
            run(length)
    few, many = (found[length].counts() for length in (small, large))
    lines = found[large].lines()
    return {place: lines[place] for place in many if many[place] > few[place]}


def check(found: Lines, known: Known | None = None) -> None:
    """Fail for a transfer in a loop that is not listed."""
    new = {place: line for place, line in found.items() if not listed(place, known)}
    text = "\n".join(f"  {place}, {line}" for place, line in new.items())
    assert not new, (
        f"Transfers in an inner loop, for which each step on a GPU waits:\n{text}\n"
        "Move them out of the loop, or list them with reasons in tests/helpers/listed_transfers.py."
    )
