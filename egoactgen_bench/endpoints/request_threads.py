"""Several requests at a time."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_threads(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], concurrency: int
) -> list[ResultT]:
    """`[function(item) for item in items]`, up to `concurrency` calls at a time.

    An exception is raised after the calls in progress have ended, and no further one is begun.
    """
    # Daemons instead of a pool, whose threads would keep the program from ending after Ctrl-C until
    # the server replies.
    waiting = deque(enumerate(items))
    results: dict[int, ResultT] = {}
    errors: list[BaseException] = []

    def work() -> None:
        while not errors:
            try:
                place, item = waiting.popleft()
            except IndexError:
                return
            try:
                results[place] = function(item)
            except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
                errors.append(error)

    threads = [
        threading.Thread(target=work, daemon=True) for _ in range(min(concurrency, len(waiting)))
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        waiting.clear()
        raise
    if errors:
        raise errors[0]
    return [results[place] for place in sorted(results)]
