"""Reads Mechanical Turk's results files, with answers in any of three formats."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.api.records import Rejection
from egoactgen_bench.support.spreadsheet_tables import TableKind, decimal, read_rows

# The columns of a batch results file before Input.… and Answer.…, in Amazon's order.
RESULT_COLUMNS = (
    "HITId",
    "HITTypeId",
    "Title",
    "Description",
    "Keywords",
    "Reward",
    "CreationTime",
    "MaxAssignments",
    "RequesterAnnotation",
    "AssignmentDurationInSeconds",
    "AutoApprovalDelayInSeconds",
    "Expiration",
    "NumberOfSimilarHITs",
    "LifetimeInSeconds",
    "AssignmentId",
    "WorkerId",
    "AssignmentStatus",
    "AcceptTime",
    "SubmitTime",
    "AutoApprovalTime",
    "ApprovalTime",
    "RejectionTime",
    "RequesterFeedback",
    "WorkTimeInSeconds",
    "LifetimeApprovalRate",
    "Last30DaysApprovalRate",
    "Last7DaysApprovalRate",
)
RESULTS = TableKind(
    "Mechanical Turk results file",
    ("AssignmentId", "WorkerId", "AssignmentStatus"),
    "download the batch's results",
)


@dataclass(frozen=True, order=True)
class Assignment:
    """One worker's answers to one task; `worker` is a pseudonym, `seconds` None if not given."""

    row: str  # the assignment's id, or file and line
    worker: str
    status: str
    seconds: float | None
    inputs: dict[str, str]
    answers: dict[str, str]


def read_results(path: Path, pseudonym: Callable[[str], str]) -> Iterator[Assignment | Rejection]:
    """Read one results file; `pseudonym` replaces the workers' ids.

    A row that cannot be read becomes a `Rejection` `bad_row`. Raises `BenchError` if the file is
    not a results file.
    """
    for line, row in read_rows(path, RESULTS):
        place = f"{path.name}:{line}"
        if isinstance(row, str):
            yield Rejection(place, "bad_row", row)
        else:
            yield _assignment(place, row, pseudonym)


def _assignment(
    place: str, row: dict[str, str], pseudonym: Callable[[str], str]
) -> Assignment | Rejection:
    name = row["AssignmentId"].strip() or place
    if not row["WorkerId"].strip():
        return Rejection(name, "bad_row", "no WorkerId")
    try:
        answers = parse_answers(row)
    except ValueError as error:
        return Rejection(name, "bad_row", str(error))
    return Assignment(
        row=name,
        worker=pseudonym(row["WorkerId"].strip()),
        status=_status(row),
        seconds=_seconds(row.get("WorkTimeInSeconds", "")),
        inputs=_under("Input.", row),
        answers=answers,
    )


def _status(row: dict[str, str]) -> str:
    """The status, or the decision that has been entered in the file but not uploaded yet."""
    status = row["AssignmentStatus"].strip() or "Submitted"
    entered = row.get("Reject", "").strip()
    return "Rejected" if status == "Submitted" and entered else status


def _under(prefix: str, row: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)}


def _seconds(cell: str) -> float | None:
    """Seconds with a decimal point or comma; None for anything else."""
    try:
        seconds = decimal(cell)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def parse_answers(row: dict[str, str]) -> dict[str, str]:
    """Question → answer, in any of three formats; unanswered questions are left out.

    A plain form has `Answer.fits` = yes; `flatten-objects` has `Answer.fits.yes` = true and
    `Answer.fits.no` = false; a crowd-form has `Answer.taskAnswers`, a JSON list of one object, in
    which each radio group is an object of booleans. Raises `ValueError` for other answers.
    """
    cells = _under("Answer.", row)
    nested: dict[str, Any] = {}
    if packed := cells.pop("taskAnswers", ""):
        nested = _unpack(packed)
    for name, cell in cells.items():
        question, dot, option = name.partition(".")
        if not dot:
            nested[question] = cell
        elif cell.strip().lower() in ("true", "false"):
            group = nested.setdefault(question, {})
            if isinstance(group, dict):
                group[option] = cell.strip().lower() == "true"
    answers = {question: _flat(question, value) for question, value in nested.items()}
    return {question: answer for question, answer in answers.items() if answer}


def _unpack(packed: str) -> dict[str, Any]:
    try:
        unpacked = json.loads(packed)
    except (ValueError, RecursionError):
        raise ValueError("Answer.taskAnswers is not JSON") from None
    if isinstance(unpacked, list) and len(unpacked) == 1:
        unpacked = unpacked[0]
    if not isinstance(unpacked, dict):
        raise ValueError("Answer.taskAnswers is not a list of one object")
    return unpacked


def _flat(question: str, value: Any) -> str:
    if isinstance(value, dict):
        chosen = [option for option, is_chosen in value.items() if is_chosen is True]
        if len(chosen) > 1:
            raise ValueError(f"{len(chosen)} answers to '{question}'")
        return chosen[0] if chosen else ""
    if isinstance(value, bool) or value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
