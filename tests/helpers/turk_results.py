"""Results files in Mechanical Turk's format."""

import csv
import io
import json

from egoactgen_bench.stages.study.amazon import RESULT_COLUMNS


def results_text(answers: list[dict[str, str]], shape: str = "plain") -> str:
    """A results file in Mechanical Turk's format; each answer has task, worker, answers, …"""
    rows = []
    for number, answer in enumerate(answers):
        row = dict.fromkeys(RESULT_COLUMNS, "") | {
            "AssignmentId": answer.get("id", f"A{number}"),
            "WorkerId": answer["worker"],
            "AssignmentStatus": answer.get("status", "Approved"),
            "SubmitTime": "Sat Oct 26 10:29:19 PDT 2019",
            "WorkTimeInSeconds": answer.get("seconds", "21"),
            "Input.task": answer["task"],
        }
        given_answers = {
            k: answer[k] for k in ("choice", "fits", "invents", "comment") if k in answer
        }
        if shape == "plain":
            row |= {f"Answer.{name}": value for name, value in given_answers.items()}
        elif shape == "flat":
            for option in "1234":
                row[f"Answer.choice.{option}"] = str(given_answers.get("choice") == option).lower()
            row["Answer.comment"] = given_answers.get("comment", "")
        else:
            groups = {str(o): given_answers.get("choice") == str(o) for o in range(1, 5)}
            packed = given_answers | ({"choice": groups} if shape == "crowd" else {})
            row["Answer.taskAnswers"] = json.dumps([packed])
        rows.append(row | {"Approve": "", "Reject": ""})
    stream = io.StringIO()
    writer = csv.DictWriter(
        stream,
        list(dict.fromkeys(k for row in rows for k in row)),
        restval="",
        quoting=csv.QUOTE_ALL,
    )
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
