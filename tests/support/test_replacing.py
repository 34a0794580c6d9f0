"""Atomic replacement, and what killed processes leave behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from egoactgen_bench.support import replacing as module
from egoactgen_bench.support.files import write_bytes
from egoactgen_bench.support.replacing import (
    remove_abandoned,
    replacing,
    replacing_folder,
    temporary_folder,
)


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch):
    monkeypatch.setattr(module, "_searched", set())


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def killed(folder, source):
    """Run `source` in a process that kills itself when it calls `die()`."""
    program = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from egoactgen_bench.support.replacing import *\n"
        "def die(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "here = Path(sys.argv[1])\n"
    ) + textwrap.dedent(source)
    done = subprocess.run([sys.executable, "-c", program, str(folder)])
    assert done.returncode == -signal.SIGKILL


def test_a_file_is_replaced_or_unchanged(tmp_path):
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert hidden(tmp_path) == []


def test_a_written_file_has_the_usual_permissions(tmp_path):
    write_bytes(tmp_path / "a", b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_the_next_call_removes_the_temporary_of_a_killed_one(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    killed(
        tmp_path,
        """
        with replacing(here / "a.txt") as temporary:
            temporary.write_text("half")
            die()
        """,
    )
    assert len(hidden(tmp_path)) == 1
    assert (tmp_path / "a.txt").read_text() == "old"
    write_bytes(tmp_path / "another.txt", b"")
    assert hidden(tmp_path) == []


def test_the_temporary_of_a_process_that_still_runs_is_kept(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        code = (
            "import sys; from pathlib import Path\n"
            "from egoactgen_bench.support.files import write_bytes\n"
            "write_bytes(Path(sys.argv[1]) / 'b.txt', b'')"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
        remove_abandoned(tmp_path, again=True)
        assert temporary.exists()
    assert (tmp_path / "a.txt").read_text() == "whole"


@pytest.mark.parametrize("existed", [False, True])
def test_an_unfinished_folder_is_removed(tmp_path, existed):
    if existed:
        (tmp_path / "out").mkdir()
        (tmp_path / "out/file").write_text("old")
    killed(
        tmp_path,
        """
        with replacing_folder(here / "out") as new:
            (new / "file").write_text("half")
            die()
        """,
    )
    remove_abandoned(tmp_path)
    assert hidden(tmp_path) == []
    assert [path.read_text() for path in tmp_path.glob("out/file")] == ["old"] * existed


def test_a_folder_killed_between_its_two_renames_is_completed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("old")
    killed(
        tmp_path,
        """
        rename = Path.rename
        def dying(path, target):
            if "new" in str(path):
                die()
            rename(path, target)
        Path.rename = dying
        with replacing_folder(here / "out") as new:
            (new / "file").write_text("new")
        """,
    )
    assert not (tmp_path / "out").exists()
    with replacing_folder(tmp_path / "another"):
        pass
    assert (tmp_path / "out/file").read_text() == "new"
    assert hidden(tmp_path) == []


def test_the_temporary_of_another_machine_is_kept_for_a_day(tmp_path):
    """As its lock may not reach this one."""
    for folder in (".a.0000000000000001.tmp", ".b.0000000000000002.tmp"):
        (tmp_path / folder).mkdir()
    long_ago = time.time() - 90_000
    os.utime(tmp_path / ".b.0000000000000002.tmp", (long_ago, long_ago))
    with temporary_folder(tmp_path) as own:
        (
            tmp_path / own.name.replace(own.name[-12:-4], "00000003")
        ).mkdir()  # killed on this machine
    remove_abandoned(tmp_path, again=True)
    assert hidden(tmp_path) == [".a.0000000000000001.tmp"]


def test_only_temporaries_are_removed(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").touch()
    (tmp_path / ".link.0123abcd.tmp").symlink_to(target)
    for name in (".a.tmp", "a.0123abcd.tmp", ".a.0123abcdef.tmp", ".hidden"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / ".pipe.0123abcd.tmp")
    remove_abandoned(tmp_path)
    assert (target / "file").exists()
    assert hidden(tmp_path) == [".a.0123abcdef.tmp", ".a.tmp", ".hidden", ".link.0123abcd.tmp"]


def test_a_temporary_folder_is_removed_afterwards(tmp_path):
    with temporary_folder(tmp_path / "cache") as folder:
        (folder / "file").touch()
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_locks_nothing_abandoned_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "fcntl", None)
    (tmp_path / ".a.0123abcd.tmp").touch()
    write_bytes(tmp_path / "b", b"content")
    assert (tmp_path / "b").read_bytes() == b"content"
    assert hidden(tmp_path) == [".a.0123abcd.tmp"]


def _write_many(folder, number):
    for round_ in range(200):
        module._searched.clear()
        write_bytes(folder / f"{(number + round_) % 3}.txt", b"x" * 1000)


def test_many_processes_write_to_one_folder(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(tmp_path, n)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert hidden(tmp_path) == []
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"x" * 1000}
