"""From assignments to ratings: which ones count, and why others do not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from egoactgen_bench.api.records import Rejection
from egoactgen_bench.artifacts.studies import StudyKind
from egoactgen_bench.errors import SampleError
from egoactgen_bench.stages.study.amazon import Assignment
from egoactgen_bench.stages.study.study_plan import PlannedTask

STATUSES = ("Rejected", "Approved", "Submitted")  # final ones first


@dataclass(frozen=True)
class Rating:
    """One worker's valid answer to one task.

    `answer` is the chosen run in a best-of study, yes or no in a description study; `invents` is
    yes, no or empty.
    """

    task: PlannedTask
    worker: str
    answer: str
    invents: str
    status: str
    seconds: float | None
    comment: str
    row: str


def rate(
    assignments: Sequence[Assignment], tasks: Sequence[PlannedTask], study: StudyKind
) -> tuple[list[Rating], list[Rejection]]:
    """The ratings, sorted by task and worker, and the rejected assignments with reason codes.

    `duplicate`: a second row of the same assignment; the row with the most final status counts.
    `second_answer`: a second assignment of the same task and worker. The order of the assignments
    does not matter.
    """
    by_name = {task.name: task for task in tasks}
    seen: set[str] = set()
    ratings: dict[tuple[str, str], Rating] = {}
    rejected: list[Rejection] = []
    for assignment in sorted(assignments, key=_precedence):
        try:
            if assignment.row in seen:
                raise SampleError("duplicate", "the assignment is already counted")
            seen.add(assignment.row)
            rating = _rating(assignment, by_name, study)
            if (rating.task.name, rating.worker) in ratings:
                raise SampleError("second_answer", f"to task {rating.task.name}")
            ratings[rating.task.name, rating.worker] = rating
        except SampleError as why:
            rejected.append(Rejection(assignment.row, why.code, why.detail))
    return [ratings[place] for place in sorted(ratings)], rejected


def _precedence(assignment: Assignment) -> tuple[int, str]:
    known = assignment.status in STATUSES
    return (STATUSES.index(assignment.status) if known else len(STATUSES), repr(assignment))


def _rating(assignment: Assignment, by_name: dict[str, PlannedTask], study: StudyKind) -> Rating:
    name = assignment.inputs.get("task", "").strip()
    if name not in by_name:
        raise SampleError("unknown_task", name or "no Input.task")
    if assignment.status == "Rejected":
        raise SampleError("rejected_assignment", f"task {name}")
    if assignment.status not in STATUSES:
        raise SampleError("unknown_status", assignment.status)
    task = by_name[name]
    answers = {question: answer.strip() for question, answer in assignment.answers.items()}
    invents = answers.get("invents", "").lower()
    return Rating(
        task=task,
        worker=assignment.worker,
        answer=_chosen_run(task, answers) if study == "best-of" else _yes_or_no("fits", answers),
        invents=invents if invents in ("yes", "no") else "",
        status=assignment.status,
        seconds=assignment.seconds,
        comment=assignment.answers.get("comment", ""),
        row=assignment.row,
    )


def _chosen_run(task: PlannedTask, answers: dict[str, str]) -> str:
    # Programs that read a column with empty cells as numbers save "2" as "2.0".
    choice = re.sub(r"[.,]0+$", "", answers.get("choice", ""))
    if not choice:
        raise SampleError("missing_answer", f"no choice in task {task.name}")
    positions = {str(position): run for position, run in enumerate(task.candidates, start=1)}
    if choice not in positions:
        raise SampleError("invalid_answer", f"choice '{choice}', expected {', '.join(positions)}")
    return positions[choice]


def _yes_or_no(question: str, answers: dict[str, str]) -> str:
    answer = answers.get(question, "").lower()
    if not answer:
        raise SampleError("missing_answer", f"no '{question}'")
    if answer not in ("yes", "no"):
        raise SampleError("invalid_answer", f"{question} '{answer}', expected yes or no")
    return answer
