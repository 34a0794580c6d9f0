"""Reading JSON and tables from anywhere: one sentence for whatever is malformed."""

import os

import pytest

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv, read_json


def refused(path, data, read=read_json, **options) -> str:
    path.write_bytes(data)
    with pytest.raises(BenchError) as caught:
        read(path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a") == [1]
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert read_csv(tmp_path / "a", ("a", "b")).to_dict("list") == {"a": [1], "b": [2]}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 5_000 + b"]" * 5_000, "nested too deeply"),
        (b"9" * 5_000, "too many digits"),
        (rb'"\ud800"', "half a character"),
        ("{}".encode("utf-16"), "not encoded in UTF-8"),
    ],
)
def test_malformed_json_is_one_sentence(tmp_path, data, sentence):
    assert sentence in refused(tmp_path / "a.json", data)


def test_a_whole_character_beyond_the_first_plane_is_read(tmp_path):
    (tmp_path / "a").write_bytes(rb'"\ud83d\ude00"')
    assert read_json(tmp_path / "a") == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "lacks the column a, b"),
        (b"a\n1\n", "lacks the column b"),
        (b"a,b,a\n1,2,3\n", "two columns have the same name"),
        (b"a,b\n1,2,3\n", "a line has too many cells"),
        (b"a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3"),
        (b'a,b\n"1,2\n', "EOF inside string"),
        (b"a,b\nx,2\n", "could not convert string to float"),
        (b"a,b\n1,\xff\n", "not encoded in UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "not encoded in UTF-8"),
        (b"a,b," + b"c" * 200_000 + b"\n1,2,3\n", "field larger than field limit"),
    ],
)
def test_malformed_tables_are_one_sentence(tmp_path, data, sentence):
    options = {"columns": ("a", "b"), "dtype": {"a": float, "b": str}}
    assert sentence in refused(tmp_path / "a.csv", data, read_csv, **options)


@pytest.mark.parametrize("read", [read_json, read_csv])
def test_only_regular_files_are_read(tmp_path, read):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(BenchError, match=r"cannot be read \(not a regular file\)"):
            read(path)
    with pytest.raises(BenchError, match="does not exist"):
        read(tmp_path / "none")
