"""`bench agreement`: known accuracies of a simulated study, the files, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import kendalltau

import egoactgen_bench
from drawn_study import ACCURACY, RUNS, write_drawn_study
from egoactgen_bench.artifacts.metric_agreement import load_metric_agreement
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import write_json

TABLES = ["agreement_metrics.csv", "agreement_tests.csv", "agreement_pairs.csv"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A workspace with a study of 20 videos, compared."""
    root = tmp_path_factory.mktemp("workspace")
    egoactgen_bench.agreement(write_drawn_study(root), workspace=root)
    return root


@pytest.fixture
def found(place):
    return load_metric_agreement(place / "studies" / "simulated")


@pytest.fixture
def root(tmp_path) -> Path:
    """The workspace of `bench`."""
    return tmp_path / "workspace"


def test_known_accuracies_are_in_their_intervals(found):
    rows = found.metrics.set_index("metric")
    for metric, accuracy in ACCURACY.items():
        row = rows.loc[metric]
        if metric == "constant":
            assert row["accuracy"] == 0.5
            assert row[["accuracy_lo", "majority_lo", "tau_lo"]].isna().all()
        else:
            assert row["accuracy_lo"] <= accuracy <= row["accuracy_hi"], metric
            assert row["accuracy_hi"] - row["accuracy_lo"] < 0.25
    assert rows.loc["oracle", "accuracy"] == rows.loc["opposite", "accuracy"]
    assert rows.loc["oracle", "tau_of_runs"] == rows.loc["opposite", "tau_of_runs"]
    assert 0.6 < rows.loc["raters", "accuracy"] < rows.loc["oracle", "accuracy_hi"]


def test_tests_find_the_metrics_that_differ_and_no_others(found):
    tests = found.tests[found.tests["measure"] == "accuracy"]
    p_values = {frozenset(row[:2]): row[2] for row in
                tests[["metric_a", "metric_b", "p_value"]].itertuples(index=False)}  # fmt: skip
    assert len(p_values) == found.manifest.tests == 21
    assert p_values[frozenset({"oracle", "noise"})] < 0.05
    assert p_values[frozenset({"oracle", "ties"})] == 1
    assert p_values[frozenset({"oracle", "opposite"})] == 1
    assert found.best == "ties"  # "partial" has a higher accuracy on fewer pairs
    assert {"noise", "constant"} <= found.worse
    assert not found.worse & {"oracle", "opposite", "ties", "partial"}


def test_what_is_missing_or_of_a_whole_set_is_marked(found):
    rows = found.metrics.set_index("metric")
    assert rows.loc["partial", ["missing", "pairs", "examples"]].tolist() == [48, 720, 48]
    assert rows.loc["oracle", ["missing", "pairs", "examples"]].tolist() == [0, 900, 60]
    assert rows.loc["fid", "kind"] == "set"
    assert rows.loc["fid", ["accuracy", "majority", "tau"]].isna().all()
    wins = dict.fromkeys(RUNS, 0)
    for side, column in (("first", "prefer_first"), ("second", "prefer_second")):
        for run, count in found.pairs.groupby(side)[column].sum().items():
            wins[run] += count
    rank = kendalltau([0, -1, -2, -3], [wins[run] for run in RUNS]).statistic  # of the FID 0, 1 …
    assert rows.loc["fid", "tau_of_runs"] == pytest.approx(rank)
    assert found.manifest.withheld_intervals["constant"]["accuracy"] == "all values are equal"
    notes = " ".join(found.manifest.notes)
    assert "† rated outputs without a value, whose pairs do not count" in notes
    assert "not marked as the best: Partial ↑ (48)." in notes
    assert "‡ a metric of whole sets: only its ranking of the runs" in notes
    assert "[–] no interval, all values are equal: Constant ↑." in notes
    assert "300 answers of 10 raters on 60 examples of 20 videos" in notes  # without the check
    assert "over the 21 pairs of metrics within each measure, p < 0.05" in notes


def test_the_pairs_table_has_what_the_accuracies_are_computed_from(found):
    pairs = found.pairs
    assert len(pairs) == 60 * 6
    assert (pairs[["prefer_first", "prefer_second", "neither"]].sum(axis=1) == 5).all()
    agreed = pairs["prefer_first"] * (1 + pairs["by_half"]) / 2
    agreed += pairs["prefer_second"] * (1 - pairs["by_half"]) / 2
    counts = (pairs["prefer_first"] + pairs["prefer_second"]).sum()
    rows = found.metrics.set_index("metric")
    assert agreed.sum() / counts == pytest.approx(rows.loc["half", "accuracy"])
    tied = (pairs["prefer_first"] == pairs["prefer_second"]).sum()
    assert found.manifest.counts.tied_pairs == tied
    assert found.manifest.counts.separated_pairs == counts == 900


def test_the_command_prints_the_table_and_repeats_its_bytes(bench, root):
    study = write_drawn_study(root)
    result = bench("agreement", "simulated")
    assert result.status == 0, result.err
    assert "Agreement of metrics with study 'simulated', protocol standard" in result.out
    (line,) = [line for line in result.out.splitlines() if line.startswith("Noise ↑")]
    assert " * " in line and "[" in line
    assert next(line for line in result.out.splitlines() if "•" in line).startswith("Ties ↑")
    assert [line for line in result.out.splitlines() if line.startswith("Fid ↓ ‡")]
    (constant,) = [line for line in result.out.splitlines() if line.startswith("Constant ↑")]
    assert "50.0 [–] *" in constant and " 0.00 [–]" in constant
    assert "−0.00" not in result.out
    with Image.open(study / "agreement_metrics.png") as figure:
        assert figure.width == 1400  # 7 inches at 200 dpi
    names = [*TABLES, "agreement_metrics.png", "metric_agreement.json"]
    before = {name: (study / name).read_bytes() for name in names}
    assert bench("agreement").status == 0
    assert {name: (study / name).read_bytes() for name in names} == before


def test_python_returns_the_tables_of_the_files(place, found, tmp_path):
    result = egoactgen_bench.agreement("simulated", workspace=place, out=tmp_path / "elsewhere")
    assert result.folder == tmp_path / "elsewhere"
    for name in ("metrics", "tests", "pairs"):
        pd.testing.assert_frame_equal(
            getattr(result, name), getattr(found, name), check_dtype=False, check_column_type=False
        )
    assert repr(result).startswith("<MetricAgreement with study 'simulated': raters ")


def test_few_videos_and_few_raters_are_noted(tmp_path):
    few = egoactgen_bench.agreement(write_drawn_study(tmp_path / "a", videos=3),
                                    workspace=tmp_path / "a")  # fmt: skip
    assert few.metrics.filter(like="_lo").isna().all(axis=None)
    notes = " ".join(few.manifest.notes)
    assert "[–] no interval, fewer than 4 videos: all" in notes
    assert "No difference can be significant: with 3 videos and 21 tests" in notes
    assert not few.worse
    one = egoactgen_bench.agreement(
        write_drawn_study(tmp_path / "b", raters=1, per_example=1), workspace=tmp_path / "b"
    )
    notes = " ".join(one.manifest.notes)
    assert "Metrics are not tested against each other: fewer than 3 raters." in notes
    assert one.tests["p_value"].isna().all()
    assert np.isnan(one.metrics.set_index("metric").loc["raters", "accuracy"])
    assert one.metrics["accuracy"].notna().sum() == len(ACCURACY)


def test_candidates_without_scores_are_left_out_and_named(bench, root):
    write_drawn_study(root)
    folder = root / "scores" / "drawn" / "standard"
    for name in ("scores.csv", "summary.csv"):
        table = pd.read_csv(folder / name)
        table[~table["run"].isin(RUNS[2:])].to_csv(folder / name, index=False)
    manifest = json.loads((folder / "score.json").read_text())
    manifest["runs"] = manifest["runs"][:2]
    write_json(folder / "score.json", manifest)
    result = bench("agreement")
    assert result.status == 0, result.err
    assert "Without scores, so that their pairs do not count: sdedit, proxedit" in result.out
    pairs = pd.read_csv(root / "studies" / "simulated" / "agreement_pairs.csv")
    assert pairs[pairs["by_oracle"].notna()][["first", "second"]].drop_duplicates().size == 2
    write_json(folder / "score.json", manifest | {"fingerprint": "0" * 64})
    assert "another version of split 'drawn'" in bench("agreement").err


def test_what_cannot_be_compared_is_refused_in_one_sentence(bench, root, tmp_path):
    study = write_drawn_study(root)
    manifest = json.loads((study / "study.json").read_text())

    def refused(*arguments) -> str:
        result = bench("agreement", *arguments)
        assert result.status == 2, result.out
        assert result.err.count("\n") == 1
        return result.err

    assert "has no scores of protocol lego-release" in refused("--protocol", "lego-release")
    assert "both --ratings FILE.csv and --scores" in refused("--ratings", study / "ratings.csv")
    assert "belong to a table of ratings" in refused("--scores", study / "ratings.csv")
    assert "not both" in refused("simulated", "--ratings", study / "ratings.csv")
    assert "contains no finished study" in refused("absent")
    write_json(study / "study.json", manifest | {"study": "description"})
    assert "asks whether descriptions fit, which no metric scores" in refused()
    write_json(study / "study.json", manifest)
    (study / "ratings.csv").rename(study / "kept.csv")
    assert "has no answers: import the raters' with `bench import-amt`" in refused()
    checks = pd.read_csv(study / "kept.csv").tail(1)
    checks.to_csv(study / "ratings.csv", index=False)
    assert "Study 'simulated' has no votes" in refused()
    with pytest.raises(BenchError, match="contains no finished agreement of metrics"):
        load_metric_agreement(study)
