"""Processes of a launcher score together, and fail together."""

from two_processes import outputs_of

PROGRAM = """
import os, signal, sys
from unittest.mock import patch
import egoactgen_bench
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.measuring import Measurer
from egoactgen_bench.stages.score import score_runs
from egoactgen_bench.support.process_groups import LOST

workspace, rank = sys.argv[1], int(os.environ["RANK"])

def score():
    return egoactgen_bench.score(
        "drawn-val", workspace=workspace, metrics="psnr", batch_size=2, overwrite=True
    )

def fail(*_, **__):
    raise BenchError("Failed.")

def end(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

for name, number in (("prepare", 1), ("tabulate", 0)):
    try:
        with patch.object(score_runs, name, fail if rank == number else getattr(score_runs, name)):
            score()
    except BenchError as error:
        assert str(error) == ("Failed." if rank == number else LOST), error
    else:
        raise AssertionError(name)
assert len(score().runs) == 2
try:
    with patch.object(Measurer, "measure", end if rank == 0 else Measurer.measure):
        score()
except BenchError as error:
    assert str(error) == LOST
    print("noticed")
"""


def test_a_process_that_fails_or_is_killed_ends_the_others(drawn_split, runs):
    outputs = outputs_of(PROGRAM, drawn_split.parents[1])
    assert outputs == [(-9, ""), (0, "noticed\n")]
