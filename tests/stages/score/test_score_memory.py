"""The stage score holds no image for longer than it needs it."""

import gc
import tracemalloc
from pathlib import Path

from drawn_runs import in_process, write_run
from drawn_split import write_drawn_split

KILOBYTE = 1024
RUNS = ("one", "two")


def peak(folder: Path, count: int) -> int:
    """The most bytes that Python and NumPy held while scoring `count` samples of two runs.

    An output is noise: its file has 9 kilobytes, its pixels 12.
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


def test_memory_grows_by_at_most_a_kilobyte_a_sample_and_run(tmp_path):
    peak(tmp_path / "first", 4)  # what is imported on the way
    few, many = (peak(tmp_path / str(count), count) for count in (40, 240))
    assert (many - few) / 200 / len(RUNS) <= KILOBYTE
