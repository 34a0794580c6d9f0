"""What a command prints as a notice is a warning in Python."""

import sys
import warnings
from collections.abc import Iterable


def warn(notices: Iterable[str]) -> None:
    """Warn of each notice, at the line of the user's code that called the API."""
    level, frame = 1, sys._getframe()
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("egoactgen_bench"):
        level, frame = level + 1, frame.f_back
    for notice in notices:
        warnings.warn(notice, UserWarning, stacklevel=level)
