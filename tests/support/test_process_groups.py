"""Processes of a launcher connect, and a killed one is noticed."""

import os
import subprocess
import sys

import pytest

from egoactgen_bench.support.process_groups import is_lost_connection
from loopback_cluster import free_port

PROGRAM = """
import os, signal
from egoactgen_bench.support.process_groups import is_lost_connection, process_group
from egoactgen_bench.support.sharding import ProcessShard
from torch import distributed

shard = ProcessShard.of_process()
for _ in range(2):  # a process may connect to the others repeatedly
    with process_group(shard) as group:
        found = [None, None] if shard.rank == 0 else None
        distributed.gather_object(shard.rank, found, group=group)
        assert found in (None, [0, 1]), found
try:
    with process_group(shard) as group:
        if shard.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        distributed.gather_object(shard.rank, found, group=group)
except RuntimeError as error:
    assert is_lost_connection(error), error
    print("noticed")
"""


def test_a_connected_process_that_is_killed_is_noticed_at_once():
    launched = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | launched | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    outputs = [rank.communicate(timeout=120)[0] for rank in ranks]
    assert outputs == ["noticed\n", ""]


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), ValueError("gloo")])
def test_other_errors_are_not_lost_connections(error):
    assert not is_lost_connection(error)
