"""Ratings of people as a table: item, method, rater, score, and optionally the item's video."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from egoactgen_bench.analysis.intervals import clusters_of
from egoactgen_bench.analysis.judged_pairs import Judgements
from egoactgen_bench.api.records import Rejection
from egoactgen_bench.artifacts.metric_agreement import REJECTED_COLUMNS
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.stages.agreement.judged import Judged
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.spreadsheet_tables import TableKind, decimal, read_rows

RATINGS = TableKind(
    "table of ratings", ("item", "method", "rater", "score"), "save the table of ratings"
)
ONE_RATER = "one rater of "  # an item's ratings without a rater are taken as those of one


@dataclass(frozen=True)
class Rating:
    """One rater's score of one method's output for an item."""

    row: str
    item: str
    method: str
    rater: str
    score: float
    video: str


def judged_table(path: Path, known_videos: Mapping[str, str] | None = None) -> Judged:
    """The ratings in a file; rows that do not count are in `rejected`, with reason codes.

    `known_videos` are those of items of which the file names none.
    `bad_row`: too many cells. `no_item`, `no_method`: an empty cell. `invalid_score`: not a number.
    `conflicting_scores`: different scores by one rater for one output, of which none counts.
    `duplicate`: the same score again. `conflicting_videos`: an item of two videos. Raises
    `BenchError` if no rater has rated two methods for an item.
    """
    ratings, rejected = _without_conflicts(list(_parsed(path)))
    answers = pd.DataFrame([vars(each) for each in ratings], columns=list(Rating.__annotations__))
    table = answers.pivot(index=["item", "rater"], columns="method", values="score")
    table = table[table.notna().sum(axis=1) > 1].dropna(axis=1, how="all")
    if table.empty:
        reasons = ", ".join(sorted({row.reason for row in rejected})) or "none rejected"
        raise BenchError(
            f"{path} has no rater who scored two methods for the same item, so there is nothing to "
            f"compare ({len(ratings)} ratings read, {len(rejected)} rows rejected: {reasons})."
        )
    items = sorted(set(table.index.get_level_values("item")))
    videos = dict(known_videos or {})
    videos |= {each.item: each.video for each in ratings if each.video}
    named = [videos.get(item, item) for item in items]
    judgements = Judgements(
        table.to_numpy(float),
        clusters_of([item for item, _ in table.index]),
        clusters_of([rater for _, rater in table.index]),
        clusters_of(named),
    )
    unused = len(ratings) - int(table.notna().to_numpy().sum())
    return Judged(
        path.name,
        judgements,
        items,
        named,
        [str(name) for name in table.columns],
        {"ratings": sha256_file(path)},
        _notes(answers, unused, not videos.keys() & set(items)),
        pd.DataFrame(
            sorted((row.row, row.reason, row.detail) for row in rejected), columns=REJECTED_COLUMNS
        ),
    )


def _notes(answers: pd.DataFrame, unused: int, without_videos: bool) -> list[str]:
    notes = []
    if without_videos:
        notes.append("The videos of the items are unknown: each counts as a video of its own.")
    if answers["rater"].str.startswith(ONE_RATER).any():
        notes.append(
            "Ratings without a rater count as those of a rater of their own for each item: "
            "intervals and tests then ignore that one rater judges several items."
        )
    if unused:
        notes.append(
            "Ratings by raters who scored no other method for the item, which do not count: "
            f"{unused}."
        )
    return notes


def _parsed(path: Path) -> Iterator[Rating | Rejection]:
    for line, row in read_rows(path, RATINGS):
        place = f"{path.name}:{line}"
        if isinstance(row, str):
            yield Rejection(place, "bad_row", row)
            continue
        cells = {name: cell.strip() for name, cell in row.items()}
        try:
            yield _rating(place, cells)
        except SampleError as why:
            yield Rejection(place, why.code, why.detail)


def _rating(place: str, cells: dict[str, str]) -> Rating:
    for name in ("item", "method"):
        if not cells[name]:
            raise SampleError(f"no_{name}", f"the cell of {name} is empty")
    item = cells["item"]
    return Rating(
        place,
        item,
        cells["method"],
        cells["rater"] or f"{ONE_RATER}{item}",
        _score(cells["score"]),
        cells.get("video", ""),
    )


def _score(cell: str) -> float:
    try:
        found = decimal(cell)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise SampleError("invalid_score", f"'{cell[:40]}' is not a number")
    return found


def _without_conflicts(
    parsed: list[Rating | Rejection],
) -> tuple[list[Rating], list[Rejection]]:
    """The ratings that count, and the rejected rows; the order of rows does not matter."""
    rejected = [each for each in parsed if isinstance(each, Rejection)]
    ratings = [each for each in parsed if isinstance(each, Rating)]
    scores: dict[tuple[str, str, str], set[float]] = {}
    videos: dict[str, set[str]] = {}
    for each in ratings:
        scores.setdefault((each.item, each.method, each.rater), set()).add(each.score)
        videos.setdefault(each.item, set()).update({each.video} - {""})
    kept: dict[tuple[str, str, str], Rating] = {}
    for each in ratings:
        key = each.item, each.method, each.rater
        who = f"{each.method} on {each.item} by {each.rater}"
        if len(videos[each.item]) > 1:
            detail = f"{each.item} is of {' and '.join(sorted(videos[each.item])[:2])}"
            rejected.append(Rejection(each.row, "conflicting_videos", detail))
        elif len(scores[key]) > 1:
            rejected.append(Rejection(each.row, "conflicting_scores", who))
        elif key in kept:
            rejected.append(Rejection(each.row, "duplicate", who))
        else:
            kept[key] = each
    return list(kept.values()), rejected
