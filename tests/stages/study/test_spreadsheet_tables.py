"""Results files as spreadsheets save them: read like the download, or refused with the remedy."""

import csv
import io

import pytest

from egoactgen_bench.api.records import Rejection
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.study.amazon import Assignment, read_results
from egoactgen_bench.stages.study.ratings import rate
from egoactgen_bench.stages.study.study_plan import PlannedTask
from turk_results import results_text

ANSWERS = [
    {"task": "t1", "worker": "A", "choice": "2", "comment": 'the café’s "cup"; a, b\nsecond line'},
    {"task": "t1", "worker": "B", "choice": "1", "comment": "=1+1"},
    {"task": "t2", "worker": "A", "choice": "1", "comment": ""},
]


def table(answers=ANSWERS) -> list[list[str]]:
    return list(csv.reader(io.StringIO(results_text(answers), newline="")))


def saved(rows, separator=",", end="\r\n") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator=end).writerows(rows)
    return stream.getvalue()


def read(path, content: str | bytes) -> list[Assignment | Rejection]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_results(path, str))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.csv"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_separators_encodings_and_line_ends_do_not_matter(path, separator, encoding, end):
    expected = read(path, results_text(ANSWERS))
    assert [row.answers.get("comment", "") for row in expected] == [a["comment"] for a in ANSWERS]
    assert read(path, saved(table(), separator, end).encode(encoding)) == expected


def changed(change: str) -> str:
    rows = table()
    if change == "columns reversed":
        rows = [row[::-1] for row in rows]
    elif change == "columns added":
        rows = [[*row, "", note, ""] for row, note in zip(rows, ["note", "", "x", ""], strict=True)]
    elif change == "empty cells cut off":
        return saved(rows[:1]) + "".join(saved([row]).rstrip(",\r\n") + "\r\n" for row in rows[1:])
    elif change == "empty cells added":
        rows = [row if i == 0 else [*row, "", " "] for i, row in enumerate(rows)]
    elif change == "empty lines added":
        rows = [rows[0], [""] * len(rows[0]), *rows[1:], [], ["", " "]]
    elif change == "spaces in the header":
        rows[0] = [f" {name} " for name in rows[0]]
    elif change == "separator named":
        return "sep=;\r\n" + saved(rows, ";")
    elif change == "decimal commas":
        place = rows[0].index("WorkTimeInSeconds")
        rows = [[c if i != place else c.replace("21", "21,0") for i, c in enumerate(r)]
                for r in rows]  # fmt: skip
    return saved(rows)


@pytest.mark.parametrize(
    "change",
    ["columns reversed", "columns added", "empty cells cut off", "empty cells added",
     "empty lines added", "spaces in the header", "separator named", "decimal commas"],
)  # fmt: skip
def test_changes_of_a_spreadsheet_do_not_matter(path, change):
    expected = read(path, results_text(ANSWERS))
    assert read(path, changed(change)) == expected


def test_a_decision_in_the_file_counts_unless_amazon_knows_another(path):
    entered = [
        {"task": "t1", "worker": "A", "choice": "1", "id": "open", "status": "Submitted"},
        {"task": "t1", "worker": "B", "choice": "1", "id": "rejected", "status": "Submitted"},
        {"task": "t1", "worker": "C", "choice": "1", "id": "approved", "status": "Approved"},
    ]
    rows = table(entered)
    place = rows[0].index("Reject")
    for row, reason in zip(rows[1:], [" ", "did not look", "did not look"], strict=True):
        row[place] = reason
    assignments = read(path, saved(rows))
    assert [each.status for each in assignments] == ["Submitted", "Rejected", "Approved"]
    task = PlannedTask("t1", "s1", "vote", ("a", "b"))
    ratings, rejected = rate(assignments, [task], "best-of")
    assert [rating.row for rating in ratings] == ["open", "approved"]
    assert [(row.row, row.reason) for row in rejected] == [("rejected", "rejected_assignment")]


@pytest.mark.parametrize(("choice", "run"), [("2", "b"), ("2.0", "b"), ("1,00", "a"), ("20", None)])
def test_a_choice_may_be_saved_as_a_decimal_number(path, choice, run):
    rows = read(path, results_text([{"task": "t1", "worker": "A", "choice": choice}]))
    ratings, rejected = rate(rows, [PlannedTask("t1", "s1", "vote", ("a", "b"))], "best-of")
    assert [rating.answer for rating in ratings] == ([run] if run else [])
    assert [row.reason for row in rejected] == ([] if run else ["invalid_answer"])


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [("21", 21), ("21.5", 21.5), ("21,5", 21.5), ("1,500", None), ("0:21", None), ("", None)],
)
def test_an_ambiguous_time_is_left_out(path, cell, seconds):
    answer = {"task": "t1", "worker": "A", "choice": "1", "seconds": cell}
    assert read(path, results_text([answer]))[0].seconds == seconds


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-16-be"])
def test_an_unknown_encoding_is_refused_with_the_remedy(path, encoding):
    text = results_text(ANSWERS)
    with pytest.raises(BenchError, match=r"encoding is neither UTF-8 nor UTF-16\): .* or save"):
        read(path, text.encode(encoding))


def test_a_row_with_too_many_cells_and_a_column_twice(path):
    rows = table()
    rows[2].append("more")
    found = read(path, saved(rows))
    assert [type(row) for row in found] == [Assignment, Rejection, Assignment]
    width = len(rows[0])
    # The first answer has two lines.
    expected = Rejection("results.csv:4", "bad_row", f"{width + 1} cells, expected {width}")
    assert found[1] == expected
    rows[0][-1] = rows[0][-2]
    with pytest.raises(BenchError, match="has two columns named 'Approve'"):
        read(path, saved(rows))


def test_a_file_with_another_separator_is_refused(path):
    with pytest.raises(BenchError, match="lacks the column AssignmentId, WorkerId"):
        read(path, saved(table(), "|"))
