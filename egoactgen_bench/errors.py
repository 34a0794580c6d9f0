"""Exit statuses, and the errors whose text is shown to the user."""

import difflib
from collections.abc import Iterable

EXIT_DONE = 0
EXIT_PARTIAL = 1  # finished, but some samples or named metrics failed
EXIT_REFUSED = 2  # the call is invalid or cannot be completed
EXIT_INTERRUPTED = 130


class BenchError(Exception):
    """A call that is invalid or cannot be completed; one sentence on the cause and the remedy.

    The command line prints it to stderr without a traceback and exits with status 2.
    """


class SampleError(Exception):
    """A failure of one sample, which does not affect the others.

    `code` is a stable reason code for tables (`missing_video`, `undecodable`), `detail` an
    explanation for readers.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'steps'?"` if a known word is similar, else the list of known words."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{near[0]}'?"
    return f" Known: {', '.join(names)}." if names else ""
