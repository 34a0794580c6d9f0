"""Which samples of a split represent it, where something is computed on a part of them only."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from egoactgen_bench.support.seeds import derive_seed, derive_seeds

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

# As recorded in manifests.
RULE = "systematic over samples sorted by video"


def draw_positions(
    sample_ids: Sequence[str], video_ids: Sequence[str], count: int | None, seed: int = 0
) -> list[int]:
    """Positions of `count` samples, ascending; all, if `count` is None or not smaller.

    Systematic sampling: samples are sorted by video, shuffled within each video, and taken at equal
    steps from a random start. Each video gets its share of `count`, rounded up or down, and so does
    each participant whose videos' ids begin alike (EPIC-KITCHENS' `P01_11`), because these videos
    are neighbours. The result depends only on the ids and the seed, not on the order of the rows.
    """
    total = len(sample_ids)
    if count is None or count >= total:
        return list(range(total))
    orders = derive_seeds(seed, "drawn sample", last=sample_ids)
    return at_equal_steps(video_ids, orders, count, derive_seed(seed, "first drawn sample"))


def at_equal_steps(
    strata: Sequence[str], orders: "NDArray[np.int64]", count: int, start: int
) -> list[int]:
    """Positions of `count` of the items, ascending, taken at equal steps of their order.

    Items are ordered by stratum and, within it, by `orders`. The first step begins `start` / 2⁶³ of
    a step from the first item.
    """
    import numpy as np

    ranks = {stratum: rank for rank, stratum in enumerate(sorted(set(strata)))}
    order = np.lexsort((orders, np.array([ranks[stratum] for stratum in strata])))
    total = len(strata)
    # (start / 2⁶³ + i) · total / count in integers: rounded floats could be one past the end.
    steps = ((start + (i << 63)) * total // (count << 63) for i in range(count))
    return sorted(int(order[step]) for step in steps)


def draw_samples(samples: "pd.DataFrame", count: int | None, seed: int = 0) -> "pd.DataFrame":
    """`count` rows of a split's samples, in their order; see `draw_positions`."""
    ids, videos = samples["sample_id"].tolist(), samples["video_id"].tolist()
    return samples.iloc[draw_positions(ids, videos, count, seed)]


def drawing_record(total: int, count: int | None, seed: int = 0) -> dict[str, Any] | None:
    """What a manifest states about a draw; None if it excludes no sample."""
    if count is None or count >= total:
        return None
    return {"rule": RULE, "count": count, "of": total, "seed": seed}


def drawing_sentence(record: Mapping[str, Any]) -> str:
    """What a command prints about a draw."""
    return (
        f"{record['count']:,} of the split's {record['of']:,} samples, drawn from all its videos "
        f"(seed {record['seed']})"
    )


def first_samples(count: int, total: int) -> str:
    """What a command prints about the first samples of a split."""
    return f"the first {count:,} of the split's {total:,} samples, which may all be of one video"
