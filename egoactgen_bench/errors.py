"""The one error class whose text is meant for the user, and the sentences it is made of."""

import difflib
from collections.abc import Iterable

EXIT_DONE = 0
EXIT_PARTIAL = 1  # finished, but some samples or named metrics failed
EXIT_REFUSED = 2  # the call could not be served
EXIT_INTERRUPTED = 130


class BenchError(Exception):
    """A call that cannot be served: one plain sentence that says what is wrong and what to do.

    The command line prints it on stderr without a traceback and exits with status 2.
    """


class SampleError(Exception):
    """One sample that cannot be served; the others go on.

    `code` is a stable word for tables (`missing_video`, `undecodable`); `detail` is for people.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'steps'?"` when a known word is near, else the list of known words."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{near[0]}'?"
    return f" Known: {', '.join(names)}." if names else ""
