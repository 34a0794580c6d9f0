"""Records of finished batches."""

import json
import os

import pytest

from egoactgen_bench.artifacts.batch_journal import BatchJournal

ROWS = [{"sample_id": "a", "status": "ok", "detail": ""}]


def changed(entry, **values):
    return json.dumps(entry | values)


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: changed(entry, seconds="2"),
        lambda entry: changed(entry, rows=[]),
        lambda entry: changed(entry, checksum="0" * 64),
        lambda entry: changed(entry)[:-1],
        lambda entry: "[" * 100_000,
        lambda entry: "[]",
        lambda entry: "3",
        lambda entry: "",
    ],
)
def test_a_damaged_record_counts_as_missing(tmp_path, damage):
    journal = BatchJournal(tmp_path, {"seed": 0}, 1)
    journal.record(0, ROWS, seconds=2.0)
    path = tmp_path / "000000.json"
    assert BatchJournal(tmp_path, {"seed": 0}, 1).complete
    assert not BatchJournal(tmp_path, {"seed": 1}, 1).complete
    path.write_text(damage(json.loads(path.read_text())))
    assert not BatchJournal(tmp_path, {"seed": 0}, 1).complete


def test_a_record_that_is_not_a_file_counts_as_missing(tmp_path):
    path = tmp_path / "000000.json"
    os.mkfifo(path)  # opening it as a file would wait forever
    assert not BatchJournal(tmp_path, {"seed": 0}, 1).complete
