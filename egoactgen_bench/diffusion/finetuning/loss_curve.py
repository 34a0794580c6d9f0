"""The loss curve of a training: stored with its checkpoints, written as a table and a plot."""

from pathlib import Path
from typing import Any

import numpy as np

from egoactgen_bench.support.chart_fonts import register_chart_fonts
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.support.replacing import replacing


class Curve:
    """(loss, seconds) of each step so far."""

    def __init__(self, rows: list[list[float]] | None = None) -> None:
        self.rows = rows or []

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, loss: float, seconds: float) -> None:
        self.rows.append([loss, round(seconds, 4)])

    def recent(self, steps: int = 50) -> float:
        """The mean loss of the last steps."""
        return float(np.mean([loss for loss, _ in self.rows[-steps:]]))

    def points(self, count: int) -> list[list[float]]:
        """At most `count` points (step, mean loss since the previous point)."""
        parts = np.array_split(np.arange(len(self)), min(count, len(self)))
        losses = np.array([loss for loss, _ in self.rows])
        return [[int(part[-1]) + 1, round(float(losses[part].mean()), 6)] for part in parts]

    def summary(self) -> dict[str, Any]:
        """The curve's entries in train.json."""
        seconds = sum(seconds for _, seconds in self.rows)
        timing = {"seconds": round(seconds, 3), "seconds_per_step": round(seconds / len(self), 4)}
        return {"loss": self.points(20), "timing": timing}

    def write(self, folder: Path) -> None:
        """Write loss.csv and loss.png."""
        import pandas as pd
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogFormatter

        register_chart_fonts()
        table = pd.DataFrame(self.rows, columns=["loss", "seconds"])
        table.insert(0, "step", np.arange(1, len(self) + 1))
        write_csv(folder / "loss.csv", table)
        figure = Figure(figsize=(4, 2.5), dpi=120, layout="constrained")
        axes = figure.subplots()
        axes.plot(table["step"], table["loss"], color="0.8", linewidth=0.6)
        axes.plot(*zip(*self.points(100), strict=True), linewidth=1.2)
        axes.set(xlabel="step", ylabel="loss", yscale="log")
        # The default writes powers as formulas, for which it wants fonts that may be missing.
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(LogFormatter())
        with replacing(folder / "loss.png") as path:
            figure.savefig(path, format="png", metadata={"Software": None})
