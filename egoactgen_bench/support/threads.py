"""Calls in threads, for work that releases the GIL: hashing, and reading and writing images."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 256

T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results of `map(function, items)` in order, computed in threads.

    At most `AHEAD` items are begun before their results are used: `ThreadPoolExecutor.map` begins
    all of them, which takes more memory than the table that they come from.
    """
    with ThreadPoolExecutor() as pool:
        begun: deque[Future[R]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(function, item))
                if len(begun) == AHEAD:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
