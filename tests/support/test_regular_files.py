"""Files of others are opened only if they are regular files, and no link is written through."""

import os

import pytest

from egoactgen_bench.support.regular_files import append_regular, open_regular, read_regular


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_not_a_file_is_neither_read_nor_written(tmp_path, make):
    path = tmp_path / "journal.jsonl"
    make(path)
    for use in (open_regular, read_regular, append_regular):
        with pytest.raises(OSError, match="not a regular file"):
            use(path)


@pytest.mark.parametrize("content", [None, b"theirs"])
def test_nothing_is_appended_through_a_link(tmp_path, content):
    outside, path = tmp_path / "outside", tmp_path / "journal.jsonl"
    if content is not None:
        outside.write_bytes(content)
    path.symlink_to(outside)
    with pytest.raises(OSError):
        append_regular(path)
    assert (outside.read_bytes() if content else outside.exists()) == (content or False)


def test_a_file_is_created_and_extended(tmp_path):
    for _ in range(2):
        with append_regular(tmp_path / "journal.jsonl") as stream:
            stream.write(b"line\n")
    assert read_regular(tmp_path / "journal.jsonl") == b"line\nline\n"
