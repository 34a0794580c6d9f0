"""Processes that share batches notice when another one has ended."""

import threading
import time

import pytest

from egoactgen_bench.artifacts.batch_journal import BatchWork
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import heartbeats
from egoactgen_bench.support.heartbeats import heartbeat
from egoactgen_bench.support.sharding import ProcessShard

BATCHES = 4


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(heartbeats, "SECONDS", 0.05)
    monkeypatch.setattr(heartbeats, "LOST_AFTER", 1.0)


def work(folder, rank, done):
    shard = ProcessShard(rank=rank, ranks=2)
    return BatchWork(shard, BATCHES, folder, done.__contains__, lambda: len(done) == BATCHES)


def test_a_process_that_ended_is_noticed(tmp_path, quick):
    done = set()
    (tmp_path / "alive-0-1").touch()  # left behind by the killed process
    with pytest.raises(BenchError, match=r"Process 2 of 2 has ended .* and 2 batches are missing"):
        work(tmp_path, 0, done).run(done.add, progress=False)
    assert done == {0, 2}


def test_a_slow_process_is_waited_for(tmp_path, quick):
    done = set()

    def slow(batch):
        time.sleep(1.5)  # longer than LOST_AFTER
        done.add(batch)

    other = threading.Thread(target=work(tmp_path, 1, done).run, args=(slow, False))
    other.start()
    work(tmp_path, 0, done).run(done.add, progress=False)
    other.join()
    assert done == set(range(BATCHES))
    assert not list(tmp_path.iterdir())


def test_loading_is_shown_and_nothing_is_shown_for_one_process(tmp_path, quick):
    done, seen = set(), []
    shown = lambda: seen.append([path.name for path in tmp_path.iterdir()])  # noqa: E731
    work(tmp_path, 1, done).run(done.add, False, shown)
    alone = BatchWork(ProcessShard(), 5, tmp_path, done.__contains__, lambda: False)
    alone.run(done.add, False, shown)
    assert seen == [["alive-0-1"], []]


def test_a_heartbeat_does_not_create_a_folder_that_was_removed(tmp_path, quick):
    file = tmp_path / "journal" / "alive-0-0"
    with heartbeat(file):
        file.unlink()
        file.parent.rmdir()
        time.sleep(0.2)
    assert not file.parent.exists()
