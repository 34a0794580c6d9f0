"""The stage `import-amt`: from results files to win rates, ratings, agreement and a figure."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from egoactgen_bench.api.records import Rejection
from egoactgen_bench.artifacts.manifest_base import build, read_manifest
from egoactgen_bench.artifacts.manifests import AGREEMENT, STUDY
from egoactgen_bench.artifacts.studies import StudyKind
from egoactgen_bench.artifacts.study_manifests import AgreementManifest, StudyManifest, StudyTask
from egoactgen_bench.errors import BenchError
from egoactgen_bench.presentation import charts
from egoactgen_bench.presentation.win_rates import win_rate_figure
from egoactgen_bench.stages.study import ratings_analysis
from egoactgen_bench.stages.study.amazon import Assignment, read_results
from egoactgen_bench.stages.study.imported_answers import Imported
from egoactgen_bench.stages.study.ratings import Rating, rate
from egoactgen_bench.stages.study.safe_text import csv_cell, keyed_hash
from egoactgen_bench.stages.study.study_plan import PlannedTask, image_name
from egoactgen_bench.support.files import write_csv, write_json
from egoactgen_bench.support.regular_files import owned_path, read_regular
from egoactgen_bench.support.replacing import replacing

WORKER_KEY = "worker.key"


def import_results(paths: Sequence[Path], folder: Path) -> Imported:
    """Read results files (`paths`) and write the results to the study's `folder`.

    Writes win_rates.csv, comparisons.csv, ratings.csv, comments.json, rejected.csv, win_rates.png
    and, last, agreement.json. Raises `BenchError` if no row is a vote in this study.
    """
    study = read_manifest(folder / STUDY, StudyManifest)
    kind: StudyKind = study.study
    tasks = [_task(entry) for entry in study.tasks]
    assignments, unread = _read(paths, folder)
    own, foreign = _of_this_study(assignments, bytes.fromhex(study.secret))
    ratings, unusable = rate(own, tasks, kind)
    rejected = _rejected_table([*unread, *foreign, *unusable])
    write_csv(folder / "rejected.csv", rejected.map(csv_cell))
    votes = ratings_analysis.votes_of(ratings)
    if not votes:
        reasons = ", ".join(sorted(set(rejected["reason"]))) or "no rows"
        raise BenchError(
            f"None of the {len(rejected)} rows is a vote in study '{study.name}' ({reasons}): "
            f"see {folder / 'rejected.csv'}, and check that the results belong to this study."
        )
    candidates, seed = study.candidates, study.options.seed
    wins = ratings_analysis.wins_of(votes, candidates, kind, study.videos)
    rates, withheld = ratings_analysis.win_rates(wins, candidates)
    agreement = _agreement(ratings, study) | {"withheld_intervals": withheld}
    write_csv(folder / "win_rates.csv", rates)
    write_csv(folder / "comparisons.csv", ratings_analysis.comparisons(wins, candidates, seed))
    write_csv(folder / "ratings.csv", _ratings_table(ratings, kind))
    write_json(folder / "comments.json", _comments(ratings))
    figure = win_rate_figure(rates, kind, study.split, study.labels)
    charts.save(figure, folder / "win_rates", ("png",))
    build(AgreementManifest, agreement).save(folder / AGREEMENT)
    return Imported(rates, rejected, agreement, study.labels)


def _task(entry: StudyTask) -> PlannedTask:
    return PlannedTask(
        name=entry.name,
        sample_id=entry.sample_id,
        kind=entry.kind,
        candidates=tuple(entry.candidates),
        expected=entry.expected,
        repeats=entry.repeats,
        text_from=entry.text_from,
    )


def _read(paths: Sequence[Path], folder: Path) -> tuple[list[Assignment], list[Rejection]]:
    key = _worker_key(folder)
    rows = [
        row
        for path in paths
        for row in read_results(path, lambda worker: f"w{keyed_hash(key, 'worker', worker)[:12]}")
    ]
    assignments = [row for row in rows if isinstance(row, Assignment)]
    if assignments and not any("task" in row.inputs for row in assignments):
        raise BenchError(
            f"{', '.join(map(str, paths))}: no column Input.task, so these are not answers to a "
            "study of `bench export-amt`."
        )
    return assignments, [row for row in rows if isinstance(row, Rejection)]


def _of_this_study(
    assignments: Sequence[Assignment], key: bytes
) -> tuple[list[Assignment], list[Rejection]]:
    """Separate this study's assignments from those of other studies by their input images.

    Names of tasks do not suffice: they are the same in every study.
    """
    own, foreign = [], []
    for assignment in assignments:
        task, shown = (assignment.inputs.get(column, "") for column in ("task", "input"))
        if not shown or shown.endswith(image_name(key, task.strip(), "input")):
            own.append(assignment)
        else:
            foreign.append(Rejection(assignment.row, "other_study", f"task {task} shows {shown}"))
    return own, foreign


def _worker_key(folder: Path) -> bytes:
    """The random key of the study's pseudonyms, drawn at the first import, readable by its owner.

    Worker ids are public, so that a key that others could recompute would not protect anyone.
    """
    path = owned_path(folder, WORKER_KEY)
    if not path.is_file():
        with replacing(path) as temporary:
            temporary.chmod(0o600)  # before it has a content
            temporary.write_bytes(secrets.token_hex(32).encode())
    return read_regular(path)


def _rejected_table(rejected: Sequence[Rejection]) -> pd.DataFrame:
    rows = sorted((row.row, row.reason, row.detail) for row in rejected)
    return pd.DataFrame(rows, columns=["row", "reason", "detail"], dtype=str)


def _ratings_table(ratings: Sequence[Rating], study: StudyKind) -> pd.DataFrame:
    rows = []
    for rating in ratings:
        row: dict[str, Any] = {
            "task": rating.task.name,
            "sample_id": rating.task.sample_id,
            "worker": rating.worker,
        }
        if study == "best-of":
            row["run"] = rating.answer
        else:
            row |= {"description": rating.task.candidates[0], "fits": rating.answer}
            row["invents"] = rating.invents
        row |= {"status": rating.status, "kind": rating.task.kind, "seconds": rating.seconds}
        rows.append(row | {"comment": csv_cell(rating.comment)})
    return pd.DataFrame(rows)


def _comments(ratings: Sequence[Rating]) -> list[dict[str, str]]:
    return [
        {"task": rating.task.name, "worker": rating.worker, "comment": rating.comment}
        for rating in ratings
        if rating.comment
    ]


def _agreement(ratings: Sequence[Rating], study: StudyManifest) -> dict[str, Any]:
    votes = ratings_analysis.votes_of(ratings)
    known = [
        right for answers in ratings_analysis.known_answers(ratings).values() for right in answers
    ]
    repeated = ratings_analysis.repeats(ratings)
    answers = {"choice" if study.study == "best-of" else "fits": [(v, v.answer) for v in votes]}
    if study.study == "description":
        answers["invents"] = [(vote, vote.invents) for vote in votes if vote.invents]
    alphas = {
        question: ratings_analysis.agreement(
            [vote for vote, _ in own], [answer for _, answer in own], study.videos
        )
        for question, own in answers.items()
    }
    suspected = {
        "speeders": ratings_analysis.speeders(ratings),
        "failed_checks": ratings_analysis.failed_checks(ratings),
    }
    return {
        "votes": len(votes),
        "examples": len({vote.task.sample_id for vote in votes}),
        "videos": len({study.videos.get(vote.task.sample_id, "") for vote in votes} - {""}),
        "workers": len({vote.worker for vote in votes}),
        "krippendorff_alpha": {name: _number(found.alpha) for name, found in alphas.items()},
        "alpha_intervals": {
            name: {"lo": _number(found.low), "hi": _number(found.high), "reason": found.reason}
            for name, found in alphas.items()
        },
        **({"invents": _invents(votes, study.candidates)} if study.study == "description" else {}),
        "checks": {
            "known_answer": {"answered": len(known), "right": sum(known)},
            "repeated": {"answered": len(repeated), "same": sum(repeated)},
        },
        "excluding": {
            name: _without(workers, votes, study)
            for name, workers in (suspected | {"both": set.union(*suspected.values())}).items()
        },
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _without(workers: set[str], votes: list[Rating], study: StudyManifest) -> dict[str, Any]:
    left = [vote for vote in votes if vote.worker not in workers]
    rates = pd.DataFrame()
    if left:
        wins = ratings_analysis.wins_of(left, study.candidates, study.study, study.videos)
        rates, _ = ratings_analysis.win_rates(wins, study.candidates)
    return {
        "workers": sorted(workers),
        "votes_left": len(left),
        "win_rates": json.loads(rates.to_json(orient="records")),
    }


def _invents(votes: Sequence[Rating], candidates: Sequence[str]) -> dict[str, Any]:
    """Per description set: how many answers say that it mentions something that is not there.

    Counted over all answers, and over those that say that the description does not fit.
    """
    table = pd.DataFrame(
        [(v.task.candidates[0], v.answer, v.invents) for v in votes if v.invents],
        columns=["description", "fits", "invents"],
    )
    counted = {}
    for name in candidates:
        rows = table[table["description"] == name]
        unfit = rows[rows["fits"] == "no"]
        counted[name] = {
            "answers": len(rows),
            "invents": int((rows["invents"] == "yes").sum()),
            "not_fitting": len(unfit),
            "not_fitting_and_invents": int((unfit["invents"] == "yes").sum()),
        }
    return counted
