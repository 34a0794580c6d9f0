"""How costs grow with the number of samples."""

from itertools import pairwise

import pandas as pd

from benchmarks.load.stages import OF_ALL_RUNS, RUNS

NOISE = 0.3  # seconds by which two starts of one command may differ


def table(costs: pd.DataFrame) -> pd.DataFrame:
    """One row per stage and pair of consecutive counts, for all counts above the smallest.

    `times` is the ratio of processor seconds after those of the smallest count, the start-up, are
    subtracted (at least `NOISE` for the smaller one); `bytes` the growth of peak memory per
    additional sample and run that the stage reads or writes.
    """
    cpu = costs.pivot(index="stage", columns="samples", values="cpu_seconds")
    memory = costs.pivot(index="stage", columns="samples", values="peak_mb")
    startup, *counts = sorted(cpu)
    rows = [
        {
            "stage": stage,
            "from": fewer,
            "to": more,
            "times": (cpu.at[stage, more] - cpu.at[stage, startup])
            / max(cpu.at[stage, fewer] - cpu.at[stage, startup], NOISE),
            "bytes": (memory.at[stage, more] - memory.at[stage, fewer])
            * 1e6 / (more - fewer) / (len(RUNS) if stage in OF_ALL_RUNS else 1),
        }
        for stage in dict.fromkeys(costs["stage"])
        for fewer, more in pairwise(counts)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["stage", "from", "to", "times", "bytes"]).round(2)
