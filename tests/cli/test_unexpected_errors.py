"""What no stage expects: operating system errors, bugs of ours, bugs of plug-ins."""

import errno
import json
import os
import sys

import pytest

from egoactgen_bench.cli import error_sentences
from egoactgen_bench.stages import verify as stage
from egoactgen_bench.support import progress

SPLIT = ("split.json", "samples.csv", "rejected.csv")


def one_sentence(result):
    assert result.status == 2
    assert result.err.startswith("bench: ")
    assert result.err.endswith(".\n")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err
    return result.err


def test_a_bug_is_one_sentence_that_names_the_file(bench, drawn_split, monkeypatch):
    monkeypatch.setattr(stage, "read_manifest", None)
    sentence = one_sentence(bench("verify", drawn_split))
    assert f"while working on {drawn_split}" in sentence
    assert "TypeError: 'NoneType' object is not callable" in sentence
    assert "a bug in egoactgen_bench: please report it" in sentence
    assert "--debug" in sentence


def test_a_long_message_is_shortened_and_on_one_line():
    sentence = error_sentences.bug_sentence(ZeroDivisionError("a\nb" * 400))
    assert "ZeroDivisionError: a ba b" in sentence
    assert len(sentence) < 700
    assert "\n" not in sentence


def test_the_traceback_is_shown_on_request(bench, drawn_split, monkeypatch):
    monkeypatch.setattr(stage, "read_manifest", lambda path, kind: {}["key"])
    for call in (("--debug", "verify", drawn_split), ("verify", drawn_split, "--debug")):
        result = bench(*call)
        assert result.status == 2
        assert "Traceback (most recent call last)" in result.err
        assert "KeyError: 'key'" in result.err


@pytest.mark.parametrize("error", [RecursionError("deep"), MemoryError(), AssertionError()])
def test_every_exception_is_caught(bench, drawn_split, monkeypatch, error):
    def broken(path, kind):
        raise error

    monkeypatch.setattr(stage, "read_manifest", broken)
    assert type(error).__name__ in one_sentence(bench("verify", drawn_split))


def test_a_bug_of_a_plugin_names_its_file(bench, drawn_split, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = (
        "from egoactgen_bench.api import Method\n\n\nclass Mine(Method):\n"
        "    def __init__(self, *given):\n        raise KeyError('mine')\n\n"
        "    def generate(self, requests):\n        return []\n"
    )
    (tmp_path / "broken_method.py").write_text(source)
    sentence = one_sentence(bench("run", "--method", "broken_method:Mine"))
    assert sentence == (
        "bench: Method broken_method:Mine.__init__ failed (KeyError: 'mine' (broken_method.py, "
        "line 6)).\n"
    )
    # An exception of a plug-in that no stage expects, such as in a command of its own.
    with pytest.raises(KeyError) as caught:
        sys.modules["broken_method"].Mine()
    sentence = error_sentences.bug_sentence(caught.value)
    assert f"This is a bug in {tmp_path / 'broken_method.py'}" in sentence
    assert "egoactgen_bench" not in sentence.split("This is a bug")[1]
    sys.modules.pop("broken_method")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "change the permissions"),
        (errno.EROFS, "choose another folder"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "check the disk"),
        (errno.EBADF, os.strerror(errno.EBADF)),
    ],
)
def test_an_error_of_the_system_names_the_file_and_the_remedy(
    bench, drawn_split, monkeypatch, number, remedy
):
    for named in (True, False):

        def broken(path, kind, named=named):
            raise OSError(number, os.strerror(number), *([str(path)] if named else []))

        monkeypatch.setattr(stage, "read_manifest", broken)
        sentence = one_sentence(bench("verify", drawn_split))
        assert str(drawn_split) in sentence
        assert remedy in sentence
        assert "Errno" not in sentence


def test_a_folder_in_the_place_of_each_file(bench, drawn_split, tmp_path):
    for name in SPLIT:
        path = drawn_split / name
        kept = path.read_bytes()
        path.unlink()
        path.mkdir()
        for call in (("verify", drawn_split), ("run", "--method", "copy-input", "-w", tmp_path)):
            assert bench(*call).status in (0, 1, 2)
        result = bench("verify", drawn_split)
        assert result.status in (1, 2)
        assert "Traceback" not in result.err
        assert name in result.out + result.err
        path.rmdir()
        path.write_bytes(kept)


def test_the_folder_that_a_file_would_replace_is_named():
    error = IsADirectoryError(errno.EISDIR, "Is a directory", "new/a.csv", None, "a.csv")
    sentence = error_sentences.os_sentence(error)
    assert sentence.startswith("a.csv: a folder is in the place of a file")


def test_a_folder_named_like_a_manifest_contains_no_run(bench, drawn_split):
    assert bench("run", "--method", "copy-input").status == 0
    (drawn_split.parents[1] / "runs/drawn-val/x/run.json").mkdir(parents=True)
    assert bench("score", "--metrics", "psnr").status == 0


def test_a_file_in_the_place_of_a_folder(bench, drawn_split, monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 600.0)  # no line of progress on a slow machine
    workspace = drawn_split.parents[1]
    for name in ("runs", "scores", "reports", "cache"):
        (workspace / name).write_text("a file")
    for call in (("run", "--method", "copy-input"), ("score",), ("report",)):
        one_sentence(bench(*call))


def test_deep_json_is_one_sentence(bench, drawn_split):
    (drawn_split / "split.json").write_text('{"a":' * 100_000)
    assert "split.json" in one_sentence(bench("verify", drawn_split))
    (drawn_split / "split.json").write_text(json.dumps({"format": 1})[:-1] + ', "n": ' + "9" * 9999)
    assert "split.json" in one_sentence(bench("verify", drawn_split))


def test_the_innermost_path_is_that_of_our_code():
    assert error_sentences.innermost_path(None) is None


def test_line_breaks_and_control_characters_in_names_are_escaped(bench, tmp_path):
    name = "a\nbench: done\x1b[31m"
    sentence = one_sentence(bench("run", "--split", name, "--method", "copy-input", "-w", tmp_path))
    assert r"a\nbench: done\x1b[31m" in sentence
    assert error_sentences.one_line("café\u2028a\tb") == r"café\u2028a\tb"
