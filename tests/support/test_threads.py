"""Calls in threads: in order, and with a bounded number begun ahead."""

import pytest

from egoactgen_bench.support import threads
from egoactgen_bench.support.threads import map_in_threads


def test_results_are_in_order():
    assert list(map_in_threads(lambda number: number**2, range(1000))) == [
        number**2 for number in range(1000)
    ]
    assert list(map_in_threads(str, [])) == []


def test_few_items_are_begun_before_their_results_are_used(monkeypatch):
    monkeypatch.setattr(threads, "AHEAD", 5)
    taken = []
    results = map_in_threads(str, (taken.append(number) or number for number in range(100)))
    for used in range(20):
        assert next(results) == str(used)
        assert len(taken) <= used + 5
    results.close()
    assert len(taken) <= 25


def test_an_error_of_a_call_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda number: 1 // number, [1, 0, 1]))
