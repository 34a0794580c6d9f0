"""Worker processes do not see Ctrl-C, not even while they start, and their death is a sentence."""

import os
import signal
import sys

import pytest

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.worker_processes import worker_pool


def test_a_worker_blocks_interrupts_and_its_parent_does_not():
    main = sys.modules["__main__"]
    with worker_pool(1, "It died.") as pool:
        blocked = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
    assert signal.SIGINT in blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert sys.modules["__main__"] is main


def test_the_death_of_a_worker_is_the_given_sentence():
    with pytest.raises(BenchError, match=r"^It died\.$"), worker_pool(1, "It died.") as pool:
        pool.submit(os.kill, pool.submit(os.getpid).result(), signal.SIGKILL).result()
