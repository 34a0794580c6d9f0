"""Kept hashes: files are read once, also by several processes, and never after a change."""

import hashlib
import os
import subprocess
import sys
import time

import pytest

from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.verify import verify
from egoactgen_bench.support import kept_hashes
from egoactgen_bench.support.file_states import FileState
from egoactgen_bench.support.kept_hashes import SMALLEST, KeptHashes

LONG_AGO = time.time_ns() - 2 * 10**14


@pytest.fixture
def reads(monkeypatch):
    """The files that were read, in order."""
    read, found = kept_hashes.sha256_file, []

    def noted(path):
        found.append(path)
        return read(path)

    monkeypatch.setattr(kept_hashes, "sha256_file", noted)
    return found


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Files count as complete at once, so that no test waits."""
    monkeypatch.setattr(kept_hashes, "SETTLED", -1.0)


def written(path, data=b"a", size=SMALLEST):
    path.write_bytes(data * size)
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_read_once_by_all_processes_and_again_after_a_change(tmp_path, reads):
    path, folder = written(tmp_path / "f"), tmp_path / "hashes"
    first = KeptHashes(folder).of([path, path])
    assert first == [sha256(path)] * 2
    assert KeptHashes(folder).of([path]) == first[:1]
    assert reads == [path]
    for data, size in ((b"b", SMALLEST), (b"b", SMALLEST + 1)):
        written(path, data, size)
        assert KeptHashes(folder).of([path]) == [sha256(path)]
    # An unpacked archive restores the mtime, and features of one shape have one size.
    before = path.stat()
    written(path, b"c", SMALLEST + 1)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert KeptHashes(folder).of([path]) == [sha256(path)]
    assert len(reads) == 4


def test_a_file_that_was_just_written_is_not_kept(tmp_path, reads, monkeypatch):
    """Another write in the same tick of the clock would not change its times."""
    monkeypatch.setattr(kept_hashes, "SETTLED", 60.0)
    path, hashes = written(tmp_path / "f"), KeptHashes(tmp_path / "hashes")
    assert [hashes.of([path]) for _ in range(2)] == [[sha256(path)]] * 2
    assert len(reads) == 2


def test_small_files_are_kept_in_memory_only(tmp_path, reads):
    path, hashes = written(tmp_path / "f", size=5), KeptHashes(tmp_path / "hashes")
    assert hashes.of([path]) == hashes.of([path]) == [sha256(path)]
    assert len(reads) == 1
    assert not (tmp_path / "hashes").exists()


def test_anything_but_a_regular_file_has_no_hash(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert KeptHashes(tmp_path / "hashes").of([tmp_path / "fifo", tmp_path]) == ["", ""]
    with pytest.raises(FileNotFoundError):
        KeptHashes().of([tmp_path / "missing"])


def test_damaged_lines_are_ignored(tmp_path, reads):
    path, folder = written(tmp_path / "f"), tmp_path / "hashes"
    KeptHashes(folder).of([path])
    (journal,) = folder.iterdir()
    line = journal.read_bytes()
    wrong = [b"[]\n", b"{}\n", b"[" * 9999 + b"\n", b"\xff\n", line.replace(b'", ', b'", "x", ')]
    journal.write_bytes(b"".join(wrong) + line[:-20] + b"zz" + line[-18:] + line[:-1])
    os.mkfifo(folder / "0123456789ab.jsonl")
    assert KeptHashes(folder).of([path]) == [sha256(path)]
    assert len(reads) == 2


def test_content_that_changed_without_its_times_is_found_on_request(tmp_path, reads, monkeypatch):
    path, folder = written(tmp_path / "f"), tmp_path / "hashes"
    KeptHashes(folder).of([path])
    (journal,) = folder.iterdir()
    assert verify(folder) == []
    KeptHashes(folder, verify=True).of([path])
    journal.write_bytes(journal.read_bytes().replace(sha256(path).encode(), b"0" * 64))
    assert KeptHashes(folder).of([path]) == ["0" * 64]
    (line,) = verify(folder)
    assert line.startswith(f"{path}: its content has changed")
    with pytest.raises(BenchError, match=f"The content of {path} has changed since"):
        KeptHashes(folder, verify=True).of([path])
    monkeypatch.setenv("RANK", "1")  # only rank 0 reads again
    assert KeptHashes(folder, verify=True).of([path]) == ["0" * 64]


def test_files_of_ended_processes_are_merged(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(kept_hashes, "MOST_JOURNALS", 2)
    folder, paths = tmp_path / "hashes", [written(tmp_path / f"{n}") for n in range(4)]
    for path in paths:
        KeptHashes(folder).of([path])
    for journal in folder.iterdir():
        os.utime(journal, ns=(LONG_AGO, LONG_AGO))
    os.utime(folder, ns=(LONG_AGO, LONG_AGO))
    KeptHashes(folder).of([written(tmp_path / "new")])
    assert len(list(folder.iterdir())) == 1
    assert KeptHashes(folder).of(paths) == [sha256(path) for path in paths]
    assert len(reads) == 5


PROGRAM = """
import sys, time
from pathlib import Path
from egoactgen_bench.support import kept_hashes
kept_hashes.SETTLED = -1.0
read = kept_hashes.sha256_file
def slowly(path):
    time.sleep(0.05)
    sys.stdout.write(f"{path}\\n")  # at once: threads print at the same time
    return read(path)
kept_hashes.sha256_file = slowly
while not Path(sys.argv[2], "go").exists():
    time.sleep(0.01)
kept_hashes.KeptHashes(Path(sys.argv[1])).of(sorted(Path(sys.argv[2]).glob("*.npy")))
"""


def test_processes_that_start_together_read_each_file_once(tmp_path):
    files = [written(tmp_path / f"{number}.npy") for number in range(8)]
    command = [sys.executable, "-c", PROGRAM, tmp_path / "hashes", tmp_path]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    (tmp_path / "go").touch()
    printed = [process.communicate(timeout=60)[0].split() for process in started]
    assert all(process.returncode == 0 for process in started)
    assert sorted(path for paths in printed for path in paths) == sorted(map(str, files))


def test_a_state_has_the_absolute_path(tmp_path, monkeypatch):
    written(tmp_path / "f")
    monkeypatch.chdir(tmp_path)
    state = kept_hashes.state_of((tmp_path / "f").relative_to(tmp_path))
    assert isinstance(state, FileState)
    assert state.path == str(tmp_path / "f")
