"""Worker processes do not see Ctrl-C, not even while they are starting."""

import signal
import sys

from egoactgen_bench.support.worker_processes import worker_pool


def test_a_worker_blocks_interrupts_and_its_parent_does_not():
    main = sys.modules["__main__"]
    with worker_pool(1) as pool:
        blocked = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
    assert signal.SIGINT in blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert sys.modules["__main__"] is main
