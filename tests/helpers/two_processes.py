"""A program in two processes, as a launcher would start them, without one that would end them."""

import os
import subprocess
import sys

from loopback_cluster import free_port


def outputs_of(program: str, *words: object) -> list[tuple[int, str]]:
    """Status and output of the ranks 0 and 1; what they write to stderr is passed on."""
    launched = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", program, *map(str, words)],
            env=os.environ | launched | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        printed = [rank.communicate(timeout=120)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    return [(rank.returncode, text) for rank, text in zip(ranks, printed, strict=True)]
