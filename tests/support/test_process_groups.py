"""Processes of a launcher connect, and fail together."""

import pytest

from egoactgen_bench.support.process_groups import is_lost_connection
from two_processes import outputs_of

PROGRAM = """
import os, signal, sys
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.process_groups import LOST, connected
from egoactgen_bench.support.sharding import ProcessShard
from torch import distributed

shard, killed = ProcessShard.of_process(), int(sys.argv[1])
for _ in range(2):  # a process may connect to the others repeatedly
    with connected(shard) as processes:
        assert processes.gather(shard.rank) in (None, [0, 1])
kept = []  # an error's traceback has the variables of the function that failed
for failing in (0, 1, 0, 1):
    try:
        with connected(shard) as processes:
            if shard.rank == failing:
                raise BenchError("Failed.")
    except BenchError as error:
        kept.append(error)
    assert str(kept[-1]) == ("Failed." if shard.rank == failing else LOST), kept
    if len(kept) == 2:
        distributed.init_process_group("gloo")  # the program's own, which remains
distributed.barrier()
try:
    with connected(shard) as processes:
        if shard.rank == killed:
            os.kill(os.getpid(), signal.SIGKILL)
        processes.gather(shard.rank)
except BenchError as error:
    assert str(error) == LOST
    print("noticed")
"""


@pytest.mark.parametrize("killed", [0, 1])
def test_a_connected_process_that_fails_or_is_killed_is_noticed_at_once(killed):
    outputs = outputs_of(PROGRAM, killed)
    assert outputs[1 - killed] == (0, "noticed\n")
    assert outputs[killed] == (-9, "")


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), ValueError("gloo")])
def test_other_errors_are_not_lost_connections(error):
    assert not is_lost_connection(error)
