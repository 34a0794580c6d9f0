"""Charts for pages and papers in a common style, with colours for colour-blind readers."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from egoactgen_bench.artifacts.manifests import TOY_MARK
from egoactgen_bench.presentation.figure_files import small_png, small_svg
from egoactgen_bench.support.chart_fonts import register_chart_fonts
from egoactgen_bench.support.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, GRID = "#1d2433", "#5b6475", "#e3e7ef"
FILLS = {"best": "#1f5fd6", "other": "#a9b8d4", "reference": "#eceff5"}
# Okabe and Ito's palette without its yellow, which is too light on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


@dataclass(frozen=True)
class Bar:
    """One bar with its interval (NaN if it has none) and its value as text."""

    name: str
    value: float
    low: float
    high: float
    text: str
    kind: Literal["best", "other", "reference"] = "other"


@contextmanager
def drawing() -> Iterator[None]:
    """Context for figures: names are not parsed as formulas, equal figures give equal bytes."""
    from matplotlib import rc_context

    register_chart_fonts()
    rules: dict[Any, Any] = {"text.parse_math": False, "svg.hashsalt": "egoactgen_bench"}
    with rc_context(rules), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(width: float, height: float, resolution: int = 200) -> "Figure":
    """An empty figure; width and height in inches, resolution in pixels per inch."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=resolution, layout="constrained")


def save(figure: "Figure", stem: Path, formats: Sequence[str] = ("png", "svg")) -> None:
    """Write `<stem>.<format>` for each format."""
    for kind in formats:
        stream = io.BytesIO()
        with drawing():
            figure.savefig(stream, format=kind, metadata=_METADATA[kind])
        figure.set_layout_engine("none")  # the layout of the first format is used for all
        data = stream.getvalue()
        smaller = {"png": small_png, "svg": small_svg}[kind](data)
        write_bytes(stem.with_name(f"{stem.name}.{kind}"), smaller)


def horizontal_bars(axes: "Axes", bars: Sequence[Bar]) -> None:
    """Draw bars from zero, the first at the top, with whiskers and the values next to them.

    A value that is not finite has only its text.
    """
    places = range(len(bars) - 1, -1, -1)
    lengths = [bar.value if isfinite(bar.value) else 0.0 for bar in bars]
    axes.barh(
        places,
        lengths,
        color=[FILLS[bar.kind] for bar in bars],
        edgecolor=[SOFT if bar.kind == "reference" else "none" for bar in bars],
        linestyle=(0, (3, 2)),
        height=0.62,
    )
    ends = [0.0, *lengths]
    for place, bar, length in zip(places, bars, lengths, strict=True):
        end = length
        if isfinite(bar.low) and isfinite(bar.high):
            axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.2)
            axes.plot([bar.low, bar.high], [place, place], "|", color=INK, markersize=6)
            end = max(length, bar.high, 0.0)
            ends += [bar.low, bar.high]
        axes.annotate(
            bar.text,
            (max(end, 0.0), place),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )
    axes.set_yticks(list(places), [short(bar.name) for bar in bars])
    axes.set_ylim(-0.6, len(bars) - 0.4)
    span = (max(ends) - min(ends)) or 1.0
    axes.set_xlim(min(ends) - 0.03 * span * (min(ends) < 0), max(ends) + 0.22 * span)
    plain(axes, "x")
    _end_axis(axes, max(ends))


def _end_axis(axes: "Axes", largest: float) -> None:
    """End the x axis at the first tick that no value exceeds, or at the largest value.

    The space after it is for the texts, so that the axis of a share ends at 100.
    """
    low, high = axes.get_xlim()
    ticks = [float(tick) for tick in axes.get_xticks() if low <= tick <= high]
    spacing = ticks[1] - ticks[0] if len(ticks) > 1 else 0.0
    kept = [tick for tick in ticks if tick < largest + (1 - 1e-6) * spacing]
    if len(kept) > 1:
        axes.set_xticks(kept)
        axes.spines["bottom"].set_bounds(kept[0], max(kept[-1], largest))


def short(text: str, most: int = 32) -> str:
    """Truncate a text to leave space for the data; the mark of toy weights is kept."""
    if len(text) <= most:
        return text
    mark = f" {TOY_MARK}" if text.endswith(TOY_MARK) else ""
    return f"{text[: most - 1 - len(mark)]}…{mark}"


def plain(axes: "Axes", grid: Literal["x", "y", "both"]) -> None:
    """Remove lines and ticks that carry no data."""
    axes.grid(axis=grid, color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.tick_params(length=0, colors=INK)
