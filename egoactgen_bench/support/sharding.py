"""Distributes batches among shards (`--shard`) and ranks (torchrun or accelerate)."""

import os
import re
from collections.abc import Mapping
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
                f"--shard {shard} does not have the form i/n with i from 1 to n, such as 1/4."
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
