"""Requests for many samples, several at a time, each reply recorded as it arrives."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from egoactgen_bench.endpoints.request_threads import in_threads
from egoactgen_lego.curation.replies import Replies, Row

REPEATED = ("malformed", "cut_off", "empty_description")  # another reply may be usable

# The reply to a sample's request as a row; another number asks for another reply.
Ask = Callable[[str, int], Row]
Progress = Callable[[Replies, int], None]


@dataclass(frozen=True)
class Requesting:
    """How samples are requested: calls at a time, and requests per sample."""

    concurrency: int
    attempts: int

    def all(
        self, ask: Ask, sample_ids: Collection[str], replies: Replies, progress: Progress
    ) -> None:
        """Request each sample until its reply is usable; `progress` gets the number left.

        Raises `BenchError` after the replies that were on their way are recorded.
        """
        lock = threading.Lock()
        left = len(sample_ids)

        def request(sample_id: str) -> None:
            nonlocal left
            for _ in range(self.attempts):
                row = ask(sample_id, replies.count(sample_id))
                with lock:
                    replies.add(row)
                if row["status"] not in REPEATED:
                    break
            with lock:
                left -= 1
                progress(replies, left)

        in_threads(request, sample_ids, self.concurrency)
