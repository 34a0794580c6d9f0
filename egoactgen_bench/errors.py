"""Exit statuses, and the errors whose text is shown to the user."""

import difflib
import re
from collections.abc import Iterable

EXIT_DONE = 0
EXIT_PARTIAL = 1  # finished, but some samples or named metrics failed
EXIT_REFUSED = 2  # the call is invalid or cannot be completed
EXIT_INTERRUPTED = 130

MOST_LISTED = 12  # known names in a message

# Of SampleError and Rejection; `ok` in their place means that there is a result.
REASON_CODE = "^[a-z0-9_]+$"
NOT_A_CODE = "whose code is not a word of a-z, 0-9 and _, or is 'ok'"


class BenchError(Exception):
    """A call that is invalid or cannot be completed; one sentence on the cause and the remedy.

    The command line prints it to stderr without a traceback and exits with status 2.
    """


class SampleError(Exception):
    """A failure of one sample, which does not affect the others.

    `code` is a stable reason code for tables (`missing_video`, `undecodable`): lower-case letters,
    digits and "_", and not "ok". `detail` is an explanation for readers.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail

    @property
    def is_valid(self) -> bool:
        """Whether the code and the detail can be recorded."""
        texts = isinstance(self.code, str) and isinstance(self.detail, str)
        return texts and self.code != "ok" and re.fullmatch(REASON_CODE, self.code) is not None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'steps'?"` if a known word is similar, else the first of the known words."""
    names = sorted(known)
    lower = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{lower[near[0]]}'?"
    more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
    return f" Known: {', '.join(names[:MOST_LISTED])}{more}." if names else ""
