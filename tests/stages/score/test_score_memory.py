"""The stage score does not keep images in memory."""

import gc
import tracemalloc
from pathlib import Path

from drawn_runs import in_process, write_run
from drawn_split import write_drawn_split

KILOBYTE = 1024
RUNS = ("one", "two")


def peak(folder: Path, count: int) -> int:
    """Peak memory in bytes of Python and NumPy while scoring `count` samples of two runs.

    The outputs are noise: a file has 9 kilobytes, its pixels 12.
    """
    split = write_drawn_split(folder / "splits" / "drawn", count, size=(64, 64))
    for name in RUNS:
        write_run(split, name, 40)
    gc.collect()
    tracemalloc.start()
    scores = in_process(split, folder / "scores", metrics=["psnr", "change"], bootstrap=100)
    assert scores.summary["n"].tolist() == [count] * len(RUNS)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_grows_by_at_most_a_kilobyte_per_sample_and_run(tmp_path):
    peak(tmp_path / "first", 4)  # memory of imports is not counted
    few, many = (peak(tmp_path / str(count), count) for count in (40, 240))
    assert (many - few) / 200 / len(RUNS) <= KILOBYTE
