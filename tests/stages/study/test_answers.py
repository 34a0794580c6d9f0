"""Raters' answers: parsed from every format, rated in any order, and their agreement."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egoactgen_bench.analysis.rater_agreement import nominal_alpha
from egoactgen_bench.stages.study.amazon import Assignment, parse_answers, read_results
from egoactgen_bench.stages.study.ratings import rate
from egoactgen_bench.stages.study.study_plan import PlannedTask
from turk_results import results_text


def alpha(answers):
    """Alpha of (rater, unit) → answer."""
    units, values = (sorted(each) for each in ({u for _, u in answers}, {*answers.values()}))
    counts = np.zeros((len(units), len(values)))
    for (_, unit), value in answers.items():
        counts[units.index(unit), values.index(value)] += 1
    return nominal_alpha(counts)


def test_alpha_of_the_example_in_krippendorff_2011():
    # "Computing Krippendorff's Alpha-Reliability", section C, nominal data: 0.743
    observers = {
        "A": "1 2 3 3 2 1 4 1 2 . . .",
        "B": "1 2 3 3 2 2 4 1 2 5 . 3",
        "C": ". 3 3 3 2 3 4 2 2 5 1 .",
        "D": "1 2 3 3 2 4 4 1 2 5 1 .",
    }
    answers = {
        (observer, str(unit)): value
        for observer, line in observers.items()
        for unit, value in enumerate(line.split())
        if value != "."
    }
    assert alpha(answers) == pytest.approx(0.743, abs=0.0005)
    assert np.isnan(alpha({}))
    assert np.isnan(alpha({("A", "1"): "x"}))
    assert np.isnan(alpha({("A", "1"): "x", ("B", "1"): "x"}))


def test_alpha_is_that_of_the_package_krippendorff():
    import krippendorff

    data = np.random.default_rng(0).integers(0, 4, (6, 40)).astype(float)
    data[np.random.default_rng(1).random(data.shape) < 0.4] = np.nan
    counts = np.stack([np.sum(data == value, axis=0) for value in range(4)], axis=1)
    theirs = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert nominal_alpha(counts.astype(float)) == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("row", "answers"),
    [
        ({"Answer.fits": "yes", "Answer.comment": ""}, {"fits": "yes"}),
        ({"Answer.fits.yes": "false", "Answer.fits.no": "true"}, {"fits": "no"}),
        ({"Answer.fits.yes": "false", "Answer.fits.no": "false"}, {}),
        ({"Answer.taskAnswers": '[{"choice": 3}]'}, {"choice": "3"}),
        ({"Answer.taskAnswers": '[{"choice": {"1": false, "2": true}}]'}, {"choice": "2"}),
        ({"Answer.taskAnswers": ""}, {}),
    ],
)
def test_parsed_answers(row, answers):
    assert parse_answers(row) == answers


@pytest.mark.parametrize(
    "row",
    [
        {"Answer.taskAnswers": "[{"},
        {"Answer.taskAnswers": "[1]"},
        {"Answer.taskAnswers": "[{}, {}]"},
        {"Answer.fits.yes": "true", "Answer.fits.no": "true"},
    ],
)
def test_unreadable_answers_raise_a_reason(row):
    with pytest.raises(ValueError, match=r"Answer\.taskAnswers|answers to 'fits'"):
        parse_answers(row)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(comment=texts, shape=st.sampled_from(["plain", "flat", "crowd", "packed"]))
def test_any_comment_survives_any_format(tmp_path, comment, shape):
    path = tmp_path / "results.csv"
    answer = {"task": "t1", "worker": "W", "choice": "2", "comment": comment}
    path.write_text(results_text([answer], shape), encoding="utf-8", newline="")
    (row,) = read_results(path, str)
    assert isinstance(row, Assignment)
    assert row.answers.get("comment", "") == comment
    assert row.answers["choice"] == "2"


@given(data=st.data())
def test_ratings_do_not_depend_on_the_order_of_rows(data):
    tasks = [PlannedTask(f"t{i}", f"s{i}", "vote", ("a", "b")) for i in range(3)]
    row = st.builds(
        Assignment,
        row=st.sampled_from(["A", "B", "C", "D"]),
        worker=st.sampled_from(["w1", "w2"]),
        status=st.sampled_from(["Submitted", "Approved", "Rejected", ""]),
        seconds=st.none() | st.floats(0, 99),
        inputs=st.fixed_dictionaries({"task": st.sampled_from(["t0", "t1", "t2", "t9"])}),
        answers=st.dictionaries(st.just("choice"), st.sampled_from(["1", "2", "3", "x"])),
    )
    rows = data.draw(st.lists(row, max_size=8))
    ratings, rejected = rate(rows, tasks, "best-of")
    again, rejected_again = rate(data.draw(st.permutations(rows)), tasks, "best-of")
    assert ratings == again
    assert sorted(map(repr, rejected)) == sorted(map(repr, rejected_again))
    assert len(ratings) + len(rejected) == len(rows)
    assert len({(rating.task.name, rating.worker) for rating in ratings}) == len(ratings)
    assert np.all([rating.answer in ("a", "b") for rating in ratings])
