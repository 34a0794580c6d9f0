"""`bench agreement --ratings`: tables as spreadsheets save them, and rows that do not count."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

import egoactgen_bench
from drawn_split import write_drawn_split
from drawn_study import RUNS, write_scores
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.agreement.metric_tables import measured_table
from egoactgen_bench.stages.agreement.rating_tables import judged_table

METHODS = ("a", "b", "c")
HEADER = ["item", "method", "rater", "score"]


def table(rows, header=HEADER, separator=",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator).writerows([header, *rows])
    return stream.getvalue()


def ratings(items=8, raters=3, seed=0) -> list[list[object]]:
    source = np.random.default_rng(seed)
    return [
        [f"i{item}", method, f"r{rater}", 2 * place + source.integers(0, 4)]
        for item in range(items)
        for rater in range(raters)
        for place, method in enumerate(METHODS)
    ]


def values(items=8, metrics=("good", "bad")) -> list[list[object]]:
    return [
        [f"i{item}", method, metric, place if metric == "good" else -place / 2]
        for item in range(items)
        for place, method in enumerate(METHODS)
        for metric in metrics
    ]


@pytest.fixture
def files(tmp_path):
    """A table of ratings and one of scores."""
    paths = tmp_path / "ratings.csv", tmp_path / "scores.csv"
    paths[0].write_text(table(ratings()))
    paths[1].write_text(table(values(), ["item", "method", "metric", "value"]))
    return paths


def test_accuracies_by_hand(bench, files, tmp_path):
    result = bench("agreement", "--ratings", files[0], "--scores", files[1],
                   "--lower-is-better", "bad")  # fmt: skip
    assert result.status == 0, result.err
    assert "Agreement of metrics with ratings.csv" in result.out
    assert "The videos of the items are unknown: each counts as a video of its own." in result.out
    folder = tmp_path / "workspace" / "agreement" / "ratings"
    rows = pd.read_csv(folder / "agreement_metrics.csv").set_index("metric")
    wide = pd.DataFrame(ratings(), columns=HEADER).pivot(
        index=["item", "rater"], columns="method", values="score"
    )
    order = np.concatenate([wide["b"] - wide["a"], wide["c"] - wide["a"], wide["c"] - wide["b"]])
    expected = np.mean(order[order != 0] > 0)
    assert rows.loc["good", "accuracy"] == pytest.approx(expected)
    assert rows.loc["bad", "accuracy"] == pytest.approx(expected)  # lower is better
    assert rows.loc["good", "pairs"] == np.sum(order != 0) < 72
    assert rows.loc["good", "tau_of_runs"] == 1
    flipped = egoactgen_bench.agreement(ratings=files[0], scores=files[1], out=tmp_path / "out")
    assert flipped.metrics.set_index("metric").loc["bad", "accuracy"] == pytest.approx(1 - expected)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_separators_and_encodings_do_not_matter(files, tmp_path, separator, encoding):
    expected = judged_table(files[0])
    rows = [[item, method, rater, f"{score},0" if separator == ";" else score]
            for item, method, rater, score in ratings()]  # fmt: skip
    path = tmp_path / "other.csv"
    path.write_bytes(table(rows[::-1], separator=separator).encode(encoding))
    found = judged_table(path)
    np.testing.assert_array_equal(found.answers.scores, expected.answers.scores)
    assert (found.items, found.candidates) == (expected.items, list(METHODS))


def test_rows_that_do_not_count_are_named(bench, files, tmp_path):
    rows = ratings()
    bad = [
        (["", "a", "r0", 1], "no_item"),
        (["i0", " ", "r0", 1], "no_method"),
        (["i0", "a", "r9", "good"], "invalid_score"),
        (["i0", "a", "r9", "1,500"], "invalid_score"),
        (["i0", "a", "r9", "nan"], "invalid_score"),
        (rows[0], "duplicate"),
        (["i1", "a", "r8", 1], "conflicting_scores"),
        (["i1", "a", "r8", 2], "conflicting_scores"),
        (["i1", "a", "r8", 2, "more"], "bad_row"),
    ]
    files[0].write_text(table([*rows, *(row for row, _ in bad)]))
    result = bench(
        "agreement", "--ratings", files[0], "--scores", files[1], "--out", tmp_path / "o"
    )
    assert result.status == 1
    first = len(rows) + 2
    expected = [(f"ratings.csv:{first + place}", why) for place, (_, why) in enumerate(bad)]
    for row, why in expected:
        assert f"failed: {row}: {why}" in result.err
    rejected = pd.read_csv(tmp_path / "o" / "agreement_rejected.csv")
    assert sorted(zip(rejected["row"], rejected["reason"], strict=True)) == sorted(expected)
    np.testing.assert_array_equal(
        judged_table(files[0]).answers.scores, judged_table(write(tmp_path, rows)).answers.scores
    )


def write(folder, rows, header=HEADER):
    path = folder / "written.csv"
    path.write_text(table(rows, header))
    return path


def test_videos_and_unnamed_raters(tmp_path):
    rows = [[*row, f"V{int(row[0][1:]) // 2}"] for row in ratings()]
    found = judged_table(write(tmp_path, rows, [*HEADER, "video"]))
    assert found.answers.videos.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found.notes == []
    known = {f"i{number}": "shared" for number in range(8)}
    assert set(judged_table(write(tmp_path, ratings()), known).videos) == {"shared"}
    rows[0][-1] = "V9"
    mixed = judged_table(write(tmp_path, rows, [*HEADER, "video"]))
    assert set(mixed.rejected["reason"]) == {"conflicting_videos"}
    assert "i0" not in mixed.items
    unnamed = [[item, method, "", score] for item, method, _, score in ratings(raters=1)]
    found = judged_table(write(tmp_path, unnamed))
    assert len(set(found.answers.raters)) == 8  # each item has a rater of its own
    assert any("intervals and tests then ignore" in note for note in found.notes)
    single = [*ratings(), ["i0", "a", "r7", 3]]
    assert judged_table(write(tmp_path, single)).notes[-1].endswith("which do not count: 1.")


def test_scores_of_bench_score_are_read_from_their_folder(tmp_path):
    source = np.random.default_rng(0)
    split = load_split(write_drawn_split(tmp_path / "splits" / "drawn", 8, size=(8, 8)))
    samples = split.samples["sample_id"].tolist()
    write_scores(tmp_path / "scores", samples, {"psnr": source.random((8, 4))})
    rows = [[sample, run, f"r{rater}", source.integers(0, 5)]
            for sample in samples for rater in range(3) for run in RUNS]  # fmt: skip
    path = tmp_path / "scores" / "score.json"
    path.write_text(path.read_text().replace("f" * 64, split.fingerprint))
    found = egoactgen_bench.agreement(
        ratings=write(tmp_path, rows), scores=tmp_path / "scores", workspace=tmp_path
    )
    assert found.folder == tmp_path / "agreement" / "written"
    assert found.manifest.counts.videos == 3  # of the split
    assert found.manifest.split == "drawn"
    assert found.metrics["metric"].tolist() == ["raters", "psnr", "fid"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("item,method,score\n", "is not a table of ratings: it lacks the column rater"),
        ("", "is not a table of ratings"),
        (table([["i0", "a", "r0", 1], ["i1", "b", "r0", 1]]),
         "no rater who scored two methods for the same item"),
        (table([["i0", "a", "r0", "x"]]), r"0 ratings read, 1 rows rejected: invalid_score"),
    ],
)  # fmt: skip
def test_tables_without_comparable_ratings_are_refused(tmp_path, content, words):
    path = tmp_path / "ratings.csv"
    path.write_text(content)
    with pytest.raises(BenchError, match=words):
        judged_table(path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["i0", "a", "m", "much"]], r"scores\.csv:2: the value 'much' is not a number"),
        ([["i0", "a", "m", 1], ["i0", "a", "m", 1]], "3: m of a on i0 is given twice"),
        ([["i0", "", "m", 1]], "2: the cell of item, method or metric is empty"),
        ([["other", "a", "m", 1]], "the ratings have item 'i0' and method 'a', the scores item"),
        ([["i0", "a", "raters", 1]], "cannot be called 'raters'"),
        ([["i0", "a", "m", 1, "more"]], "2: 5 cells, expected 4"),
    ],
)
def test_invalid_scores_are_refused_with_their_row(files, rows, words):
    files[1].write_text(table(rows, ["item", "method", "metric", "value"]))
    with pytest.raises(BenchError, match=words):
        measured_table(files[1], judged_table(files[0]), ())


def test_missing_and_infinite_values_and_unknown_names(files):
    rows = [["i0", "a", "m", ""], ["i0", "b", "m", "inf"], ["i0", "c", "m", "-0,5"]]
    files[1].write_text(table(rows, ["item", "method", "metric", "value"]))
    found = measured_table(files[1], judged_table(files[0]), ("m",))
    np.testing.assert_array_equal(found.values[0, :, 0], [np.nan, np.inf, -0.5])
    np.testing.assert_array_equal(found.oriented[0, :, 0], [np.nan, -np.inf, 0.5])
    with pytest.raises(BenchError, match="unknown metric 'n'"):
        measured_table(files[1], judged_table(files[0]), ("n",))
