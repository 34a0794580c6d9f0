"""Which batches of a run are whose: shards by hand, ranks under torchrun or accelerate."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from egoactgen_bench.errors import BenchError


@dataclass(frozen=True)
class ProcessShard:
    """The batches of process `rank` of `ranks` within shard `index` of `count`, all from 0."""

    index: int = 0
    count: int = 1
    rank: int = 0
    ranks: int = 1
    local_rank: int = 0

    @classmethod
    def of_process(
        cls, shard: str = "1/1", environment: Mapping[str, str] = os.environ
    ) -> "ProcessShard":
        """The share that `--shard i/n` (i from 1 to n) and a launcher's environment give."""
        match = re.fullmatch(r"([0-9]+)/([0-9]+)", shard)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise BenchError(
                f"--shard {shard} is not of the form i/n with i from 1 to n, as in 1/4."
            )
        rank = int(environment.get("RANK", "0"))
        ranks = int(environment.get("WORLD_SIZE", "1"))
        local_rank = int(environment.get("LOCAL_RANK", "0"))
        return cls(int(match[1]) - 1, int(match[2]), rank, ranks, local_rank)

    def of_shard(self, batches: int) -> range:
        """The numbers of the shard's batches, of all its ranks."""
        return range(self.index, batches, self.count)

    def of_rank(self, batches: int) -> range:
        """The numbers of this process's own batches."""
        return self.of_shard(batches)[self.rank :: self.ranks]
