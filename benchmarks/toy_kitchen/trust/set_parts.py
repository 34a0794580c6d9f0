"""Metrics of sets on disjoint parts of the videos, since they have no value for a sample."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import egoactgen_bench as bench
from benchmarks.toy_kitchen.trust.control_images import CONTROLS
from egoactgen_bench.analysis.cluster_means import Floats
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.support.files import read_csv, write_csv
from egoactgen_bench.support.images import read_rgb

PARTS = 16
BATCH = 16


def part_values(metric: str, split: Split, controls: Path, kept: Path) -> Floats:
    """(parts, controls) values in the paper's units; read from the file `kept` if they are there.

    The videos are dealt to `PARTS` parts in turn.
    """
    scorer = bench.Scorer(metric, dataset=split, workspace=kept.parent)
    signature = scorer.metrics[0].signature()
    if kept.is_file():
        table = read_csv(kept, ["signature", *CONTROLS])
        if set(table["signature"]) == {signature} and len(table) == PARTS:
            return table[list(CONTROLS)].to_numpy(float)
    videos = np.unique(split.samples["video_id"], return_inverse=True)[1]
    values = np.full((PARTS, len(CONTROLS)), np.nan)
    for part in range(PARTS):
        samples = split.samples[videos % PARTS == part].to_dict("records")
        targets = [split.frame_path(row["target_frame"]) for row in samples]
        for place, control in enumerate(CONTROLS):
            outputs = [controls / control / f"{row['sample_id']}.png" for row in samples]
            values[part, place] = _value(scorer, outputs, targets)
    write_csv(kept, pd.DataFrame(values, columns=list(CONTROLS)).assign(signature=signature))
    return values


def _value(scorer: bench.Scorer, outputs: Sequence[Path], targets: Sequence[Path]) -> float:
    scorer.reset()
    for start in range(0, len(outputs), BATCH):
        end = start + BATCH
        scorer.update(
            list(map(read_rgb, outputs[start:end])), list(map(read_rgb, targets[start:end]))
        )
    (value,) = scorer.compute().values()
    return value
