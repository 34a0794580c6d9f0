"""Distributes batches among shards (`--shard`) and ranks (torchrun or accelerate)."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from egoactgen_bench.errors import BenchError


@dataclass(frozen=True)
class ProcessShard:
    """Process `rank` of `ranks` within shard `index` of `count`, all counted from 0."""

    index: int = 0
    count: int = 1
    rank: int = 0
    ranks: int = 1
    local_rank: int = 0

    @classmethod
    def of_process(
        cls, shard: str = "1/1", environment: Mapping[str, str] = os.environ
    ) -> "ProcessShard":
        """The shard given by `--shard i/n` (i from 1 to n) and a launcher's environment."""
        match = re.fullmatch(r"([0-9]+)/([0-9]+)", shard)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise BenchError(
                f"--shard {shard} does not have the form i/n with i from 1 to n, such as 1/4 "
                "(in a Slurm array of 4 tasks: --array=1-4)."
            )
        rank = int(environment.get("RANK", "0"))
        ranks = int(environment.get("WORLD_SIZE", "1"))
        local_rank = int(environment.get("LOCAL_RANK", "0"))
        return cls(int(match[1]) - 1, int(match[2]), rank, ranks, local_rank)

    def of_shard(self, batches: int) -> range:
        """The indices of the shard's batches, for all its ranks."""
        return range(self.index, batches, self.count)

    def of_rank(self, batches: int) -> range:
        """The indices of this process's batches."""
        return self.of_shard(batches)[self.rank :: self.ranks]


def launch_notice(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> str | None:
    """What is wrong with how a command was launched: several processes that are not connected.

    `words` are the command's. None if nothing is.
    """
    if "RANK" in environment or any(word.startswith("--shard") for word in words):
        return None
    tasks = environment.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks != "1":
        return (
            f"srun started {tasks} processes, each of which does all the work: "
            "start them by torchrun, or give each a --shard (see docs/cluster.md)."
        )
    # `accelerate launch` sets the port for several processes only; if it starts them, RANK as well.
    on_cpu = environment.get("ACCELERATE_USE_CPU", "").lower() == "true"
    mpi = any(name.startswith(("OMPI_", "PMI_", "MV2_")) for name in environment)
    if on_cpu and "MASTER_PORT" in environment and not mpi:
        return (
            "accelerate launch was to start several processes, but on CPUs it starts one: "
            "use torchrun --nproc-per-node N --no-python."
        )
    return None
