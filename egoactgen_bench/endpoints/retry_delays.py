"""Which replies are worth another attempt, and how long to wait for it."""

import math
import random
import time
from email.utils import parsedate_to_datetime

from egoactgen_bench.endpoints.http_exchange import RawReply
from egoactgen_bench.endpoints.reply_errors import error_of

FIRST_DELAY, LONGEST_DELAY = 0.5, 60.0  # seconds
LONGEST_BACK_OFF = 16.0
RETRYABLE = (408, 409, 425, 429)


def is_retryable(reply: RawReply) -> bool:
    """Whether another attempt may succeed."""
    if not (reply.status in RETRYABLE or reply.status >= 500):
        return False
    return error_of(reply).get("code") != "insufficient_quota"


def retry_delay(attempt: int, outcome: RawReply | str) -> float:
    """Seconds before the attempt after `attempt` (0, 1, …).

    What the server asks for, up to `LONGEST_DELAY`; else growing delays, which differ at random so
    that requests that failed together do not return together.
    """
    asked = _asked(outcome) if isinstance(outcome, RawReply) else None
    if asked is not None:
        return min(asked, LONGEST_DELAY)
    delay: float = min(FIRST_DELAY * 2**attempt, LONGEST_BACK_OFF)
    return delay * random.uniform(0.75, 1)


def _asked(reply: RawReply) -> float | None:
    """The seconds of Retry-After, which may also be a date; None if it is not a delay."""
    text = reply.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError, OSError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
