"""Rows cached by content: found again, shared between processes, complete after a kill."""

import hashlib

import numpy as np
import pytest

from egoactgen_bench.support.row_store import ABSENT, FeatureCache, RowStore, StoredRows, short_keys


def keys(*names: object) -> list[bytes]:
    return [hashlib.sha256(str(name).encode()).digest() for name in names]


@pytest.mark.parametrize("on_disk", [True, False])
def test_rows_come_back_in_any_order(tmp_path, on_disk):
    store = RowStore(tmp_path if on_disk else None)
    rows = np.random.default_rng(0).normal(size=(9000, 3))
    for start in range(0, 9000, 90):  # passes the size at which recent keys are merged
        part = range(start, start + 90)
        store.add(keys(*part), rows[start : start + 90])
    order = np.random.default_rng(1).permutation(9000)
    assert np.array_equal(store.read(store.find(short_keys(keys(*order)))), rows[order])
    assert store.find(short_keys(keys("stranger"))).tolist() == [ABSENT]
    if on_disk:
        again = RowStore(tmp_path)
        assert np.array_equal(again.read(again.find(short_keys(keys(*order)))), rows[order])


def test_two_processes_see_each_others_rows(tmp_path):
    first, second = RowStore(tmp_path), RowStore(tmp_path)
    first.add(keys("a"), np.array([[1.0]]))
    second.add(keys("b"), np.array([[2.0]]))
    assert first.find(short_keys(keys("b"))).tolist() == [ABSENT]
    first.refresh()
    places = first.find(short_keys(keys("a", "b")))
    assert first.read(places).tolist() == [[1.0], [2.0]]


def test_a_process_killed_while_writing_leaves_only_complete_rows(tmp_path):
    store = RowStore(tmp_path)
    store.add(keys("a", "b"), np.array([[1.0, 2.0], [3.0, 4.0]]))
    rows = next(tmp_path.glob("*.rows"))
    rows.write_bytes(rows.read_bytes()[:-3])
    again = RowStore(tmp_path)
    assert (again.find(short_keys(keys("a", "b"))) == ABSENT).tolist() == [False, True]


def test_files_that_are_not_its_own_are_ignored(tmp_path):
    RowStore(tmp_path).add(keys("a"), np.array([[1.0]]))
    own = next(tmp_path.glob("*.keys"))
    for name in (f"._{own.stem}", "a-b-c-d", f"{own.stem} copy", "0123456789ab-zz-1"):
        (tmp_path / f"{name}.keys").write_bytes(bytes(64))  # macOS, a sync service, anything
        (tmp_path / f"{name}.rows").write_bytes(bytes(64))
    (tmp_path / "0123456789ab-f8-1.keys").write_bytes(bytes(64))  # without rows
    (tmp_path / "ba9876543210-f8-1.keys").mkdir()
    store = RowStore(tmp_path)
    assert store.read(store.find(short_keys(keys("a")))).tolist() == [[1.0]]
    assert store.find(short_keys([bytes(32)])).tolist() == [ABSENT]


def test_a_fresh_store_ignores_existing_rows(tmp_path):
    RowStore(tmp_path).add(keys("a"), np.array([[1.0]]))
    assert RowStore(tmp_path, fresh=True).find(short_keys(keys("a"))).tolist() == [ABSENT]


def test_stored_rows_slice_like_an_array(tmp_path):
    store = RowStore(tmp_path)
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    store.add(keys(*range(4)), values)
    rows = StoredRows(store, store.find(short_keys(keys(3, 1, 0))))
    wanted = values[[3, 1, 0]]
    assert rows.shape == (3, 3)
    assert len(rows) == 3
    for part in (slice(1, 3), 1, (slice(None), 0), (slice(None), slice(1, 3))):
        assert np.array_equal(rows[part], wanted[part])
    assert np.array_equal(np.asarray(rows), wanted)


def test_features_are_computed_once_for_equal_content(tmp_path):
    asked: list[list[int]] = []

    def compute(wanted: list[int]) -> np.ndarray:
        asked.append(wanted)
        return np.array([[index, 0.5] for index in wanted], np.float32)

    names = keys("a", "b", "a")
    first = FeatureCache(tmp_path).get("network", names, compute, keep=True)
    assert first.tolist() == [[0, 0.5], [1, 0.5], [0, 0.5]]
    again = FeatureCache(tmp_path).get("network", keys("b", "c"), compute, keep=True)
    assert again.tolist() == [[1, 0.5], [1, 0.5]]
    assert asked == [[0, 1], [1]]
    FeatureCache(tmp_path).get("another network", names, compute, keep=False)
    assert asked[-1] == [0, 1]
