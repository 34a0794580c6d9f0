"""`bench import-amt`: every format of results, rows that do not count, and the tables."""

import csv
import json
import random
from pathlib import Path

import pandas as pd
import pytest

from drawn_runs import write_drawn_run
from drawn_split import write_drawn_split
from egoactgen_bench.stages.study.amazon import read_results
from egoactgen_bench.support.files import sha256_file
from turk_results import results_text


@pytest.fixture
def study(bench, drawn_split: Path) -> Path:
    """A best-of study of six examples over two runs, with two checks."""
    for name in ("lego", "ip2p"):
        write_drawn_run(drawn_split, name)
    assert bench("export-amt", "--checks", 2, "--examples", 5).status == 0
    return drawn_split.parents[1] / "studies" / "drawn-val-best-of"


def vote_tasks(study: Path) -> list[str]:
    key = pd.read_csv(study / "key.csv")
    return key[key["kind"] == "vote"]["task"].unique().tolist()


def position_of(study: Path, task: str, run: str) -> str:
    key = pd.read_csv(study / "key.csv")
    return str(key[(key["task"] == task) & (key["run"] == run)]["position"].iloc[0])


def choosing(study: Path, run: str, workers: int = 3, **more: str) -> list[dict[str, str]]:
    return [
        {"task": task, "worker": f"W{w}", "choice": position_of(study, task, run), **more}
        for task in vote_tasks(study)
        for w in range(workers)
    ]


@pytest.mark.parametrize("shape", ["plain", "flat", "crowd", "packed"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_all_formats_of_answers_give_the_same_ratings(bench, study, tmp_path, shape, start):
    answers = choosing(study, "lego", comment='one\ntwo, "three"')
    (tmp_path / "results.csv").write_text(start + results_text(answers, shape), encoding="utf-8")
    result = bench("import-amt", tmp_path / "results.csv", "--study", study)
    assert result.status == 0, result.err
    rates = pd.read_csv(study / "win_rates.csv").set_index("run")
    assert list(rates.columns) == ["wins", "votes", "rate", "lo", "hi"]
    assert rates.loc["lego", ["wins", "votes", "rate"]].tolist() == [15, 15, 1]
    assert rates.loc["ip2p", ["wins", "votes", "rate"]].tolist() == [0, 15, 0]
    assert rates[["lo", "hi"]].isna().all(axis=None)  # of only three videos
    assert "100.0 % of 15 votes (no interval, fewer than 4 videos)" in result.out
    ratings = pd.read_csv(study / "ratings.csv")
    assert {"task", "sample_id", "worker", "run", "status"} <= set(ratings.columns)
    assert set(ratings["run"]) == {"lego"}
    comments = json.loads((study / "comments.json").read_text())
    assert {entry["comment"] for entry in comments} == {'one\ntwo, "three"'}


def test_rejected_rows_are_listed_with_their_reason(bench, study, tmp_path):
    tasks = vote_tasks(study)
    good = {"worker": "W1", "choice": "1"}
    answers = [
        good | {"task": tasks[0], "id": "first"},
        good | {"task": tasks[0], "id": "first"},
        good | {"task": tasks[0], "id": "second"},
        good | {"task": "t999", "id": "unknown"},
        good | {"task": tasks[1], "id": "turned down", "status": "Rejected"},
        good | {"task": tasks[2], "id": "odd", "status": "Whatever"},
        good | {"task": tasks[3], "id": "empty", "choice": ""},
        good | {"task": tasks[4], "id": "wrong", "choice": "3"},
        good | {"task": tasks[4], "id": "nobody", "worker": ""},
    ]
    text = results_text(answers) + '"half","a","row"\r\n'
    (tmp_path / "results.csv").write_text(text)
    assert bench("import-amt", tmp_path / "results.csv", "--study", study).status == 0
    rejected = pd.read_csv(study / "rejected.csv").set_index("row")["reason"].to_dict()
    assert rejected == {
        "second": "second_answer",
        "first": "duplicate",
        "unknown": "unknown_task",
        "turned down": "rejected_assignment",
        "odd": "unknown_status",
        "empty": "missing_answer",
        "wrong": "invalid_answer",
        "nobody": "bad_row",
        "results.csv:11": "bad_row",
    }
    assert len(pd.read_csv(study / "ratings.csv")) == 1


def test_answers_to_another_study_are_recognised_by_their_images(bench, study, tmp_path):
    def downloaded(folder: Path) -> str:
        batch = pd.read_csv(folder / "batch.csv", dtype=str)
        shown = batch.rename(columns=lambda column: f"Input.{column}").assign(
            **{"Answer.choice": 1}
        )
        about = {"WorkerId": "W", "AssignmentStatus": "Approved"}
        return shown.assign(AssignmentId=folder.name + batch["task"], **about).to_csv(index=False)

    url = "https://host.example/study"  # it does not matter where the images are hosted
    assert bench("export-amt", "--checks", 2, "--examples", 5, "--image-base-url", url).status == 0
    (tmp_path / "own.csv").write_text(downloaded(study))
    assert bench("export-amt", "--seed", 1, "--name", "other").status == 0
    (tmp_path / "other.csv").write_text(downloaded(study.with_name("other")))
    files = (tmp_path / "own.csv", tmp_path / "other.csv")
    assert bench("import-amt", *files, "--study", study).status == 0
    rejected = pd.read_csv(study / "rejected.csv")
    assert set(rejected["reason"]) == {"other_study"}
    assert len(rejected) == 6
    assert len(pd.read_csv(study / "ratings.csv")) == 7
    refused = bench("import-amt", files[1], "--study", study)
    assert refused.status == 2
    assert "other_study" in refused.err


def test_latest_status_of_the_same_batch_counts(bench, study, tmp_path):
    answers = choosing(study, "lego", status="Submitted")
    (tmp_path / "early.csv").write_text(results_text(answers))
    later = [answer | {"status": "Approved"} for answer in answers]
    (tmp_path / "late.csv").write_text(results_text(later))
    for order in (["early.csv", "late.csv"], ["late.csv", "early.csv"]):
        bench("import-amt", *(tmp_path / name for name in order), "--study", study)
        ratings = pd.read_csv(study / "ratings.csv")
        assert len(ratings) == 15
        assert set(ratings["status"]) == {"Approved"}


def test_worker_ids_are_not_stored(bench, study, tmp_path):
    answers = [a | {"worker": "A1SECRETID"} for a in choosing(study, "lego", workers=1)]
    (tmp_path / "results.csv").write_text(results_text(answers))
    bench("import-amt", tmp_path / "results.csv", "--study", study)
    for path in study.iterdir():
        if path.is_file():
            assert b"A1SECRETID" not in path.read_bytes()
    assert pd.read_csv(study / "ratings.csv")["worker"].nunique() == 1
    assert (study / "worker.key").stat().st_mode & 0o077 == 0


def test_importing_again_in_any_order_writes_the_same_bytes(bench, study, tmp_path):
    answers = choosing(study, "lego", workers=2) + choosing(study, "ip2p", workers=4)[2:]
    for number, answer in enumerate(answers):
        answer["id"] = f"id{number}"
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.csv")
        paths[-1].write_text(results_text(answers[number::3]))
    seen = set()
    for order in (paths, paths, paths[::-1]):
        assert bench("import-amt", *order, "--study", study).status == 0
        names = (
            "win_rates.csv",
            "ratings.csv",
            "agreement.json",
            "rejected.csv",
            "comparisons.csv",
            "win_rates.png",
        )
        seen.add(tuple(sha256_file(study / name) for name in names))
    assert len(seen) == 1


def test_effect_of_excluding_speeders_and_failed_checks_is_reported(bench, study, tmp_path):
    key = pd.read_csv(study / "key.csv", keep_default_na=False, dtype=str)
    known = key[key["run"] == "target"].iloc[0]
    repeated = key[key["repeats"] != ""].iloc[0]
    honest = choosing(study, "lego", workers=4)
    hasty = [a | {"worker": "HASTY", "seconds": "2"} for a in choosing(study, "ip2p", workers=1)]
    wrong = "2" if known["position"] == "1" else "1"
    answers = [
        *honest,
        *hasty,
        {"task": known["task"], "worker": "W0", "choice": known["position"]},
        {"task": known["task"], "worker": "HASTY", "choice": wrong, "seconds": "2"},
        {
            "task": repeated["task"],
            "worker": "W0",
            "choice": position_of(study, repeated["task"], "lego"),
        },
    ]
    (tmp_path / "results.csv").write_text(results_text(answers))
    out = bench("import-amt", tmp_path / "results.csv", "--study", study).out
    agreement = json.loads((study / "agreement.json").read_text())
    assert agreement["votes"] == 25
    assert agreement["checks"] == {
        "known_answer": {"answered": 2, "right": 1},
        "repeated": {"answered": 1, "same": 1},
    }
    for name in ("speeders", "failed_checks", "both"):
        effect = agreement["excluding"][name]
        assert len(effect["workers"]) == 1
        assert {row["run"]: row["rate"] for row in effect["win_rates"]} == {"lego": 1, "ip2p": 0}
    rates = pd.read_csv(study / "win_rates.csv").set_index("run")["rate"]
    assert rates["lego"] == 0.8  # the main table includes all workers
    assert "Without 1 worker (speeders): ip2p 0.0 %, lego 100.0 %" in out


def test_description_study_with_two_arms(bench, drawn_split, tmp_path):
    ids = pd.read_csv(drawn_split / "samples.csv")["sample_id"]
    for arm in ("tuned", "plain"):
        table = pd.DataFrame({"sample_id": ids, "description": f"a text of {arm[0]}"})
        (drawn_split / "descriptions").mkdir(exist_ok=True)
        table.to_csv(drawn_split / "descriptions" / f"{arm}.csv", index=False)
    assert bench("export-amt", "--study", "description", "--checks", 2).status == 0
    study = drawn_split.parents[1] / "studies" / "drawn-val-description"
    batch = pd.read_csv(study / "batch.csv")
    assert list(batch.columns) == ["task", "action", "description", "input", "target"]
    key = pd.read_csv(study / "key.csv", keep_default_na=False)
    assert (key["kind"] == "vote").sum() == 12
    mismatched = key[key["expected"] == "no"].iloc[0]
    answers = [
        {
            "task": row.task,
            "worker": f"W{w}",
            "fits": "yes" if row.run == "tuned" else "no",
            "invents": "no" if row.run == "tuned" else "yes",
        }
        for row in key[key["kind"] == "vote"].itertuples()
        for w in range(2)
    ]
    answers.append({"task": mismatched["task"], "worker": "W0", "fits": "No", "invents": "yes"})
    (tmp_path / "results.csv").write_text(results_text(answers))
    result = bench("import-amt", tmp_path / "results.csv")
    assert result.status == 0, result.err
    rates = pd.read_csv(study / "win_rates.csv").set_index("run")
    assert rates["rate"].to_dict() == {"tuned": 1.0, "plain": 0.0}
    assert rates["votes"].to_dict() == {"tuned": 12, "plain": 12}
    agreement = json.loads((study / "agreement.json").read_text())
    assert agreement["krippendorff_alpha"] == {"fits": 1.0, "invents": 1.0}
    assert agreement["checks"]["known_answer"] == {"answered": 1, "right": 1}
    assert agreement["invents"]["plain"]["not_fitting_and_invents"] == 12
    assert {"fits", "description"} <= set(pd.read_csv(study / "ratings.csv").columns)


def test_results_of_another_task_are_read_but_refused(bench, study, shared):
    path = shared / "data" / "mturk" / "sample_mturk_output_3rows.csv"
    rows = list(read_results(path, str.lower))
    assert [row.worker for row in rows] == [
        row["WorkerId"].lower() for row in csv.DictReader(path.open(encoding="utf-8-sig"))
    ]
    assert [(row.status, row.seconds) for row in rows][:2] == [("Submitted", 27), ("Submitted", 21)]
    result = bench("import-amt", path, "--study", study)
    assert result.status == 2
    assert "no column Input.task" in result.err
    assert not (study / "win_rates.csv").exists()


def test_other_files_are_refused_in_one_sentence(bench, study, tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "unknown.csv").write_text(
        results_text([{"task": "t999", "worker": "W", "choice": "1"}])
    )
    for call, words in (
        (["absent.csv"], "does not exist"),
        ([tmp_path], "is a folder"),
        ([tmp_path / "other.csv"], "is not a Mechanical Turk results file"),
        ([tmp_path / "empty.csv"], "is not a Mechanical Turk results file"),
        ([tmp_path / "binary.csv"], "is not a readable Mechanical Turk results file"),
        ([tmp_path / "unknown.csv"], "unknown_task"),
        (
            [tmp_path / "other.csv", "--study", tmp_path],
            "contains no finished study (no study.json)",
        ),
    ):
        result = bench("import-amt", *call)
        assert result.status == 2, call
        assert words in result.err
        assert result.err.count("\n") == 1


def test_intervals_contain_the_rates_of_a_simulated_study(bench, tmp_path):
    runs = {"lego": 0.6, "ip2p": 0.2, "sdedit": 0.15, "proxedit": 0.05}
    split = write_drawn_split(tmp_path / "workspace" / "splits" / "wide", 60, size=(24, 16))
    samples = pd.read_csv(split / "samples.csv")
    samples["video_id"] = [f"V{index // 3:02d}" for index in range(60)]
    samples.to_csv(split / "samples.csv", index=False)
    for name in runs:
        write_drawn_run(split, name)
    bench("export-amt")
    study = tmp_path / "workspace" / "studies" / "wide-best-of"
    key = pd.read_csv(study / "key.csv")
    draw = random.Random(7)
    answers = []
    for number, (task, rows) in enumerate(key.groupby("task")):
        places = dict(zip(rows["run"], rows["position"], strict=True))
        for worker in range(5):
            run = draw.choices(list(runs), list(runs.values()))[0]
            rater = f"W{(5 * number + worker) % 20}"
            answers.append({"task": task, "worker": rater, "choice": str(places[run])})
    (tmp_path / "results.csv").write_text(results_text(answers))
    assert bench("import-amt", tmp_path / "results.csv").status == 0
    rates = pd.read_csv(study / "win_rates.csv").set_index("run")
    assert (rates["votes"] == 300).all()
    for name, truth in runs.items():
        assert rates.loc[name, "lo"] <= truth <= rates.loc[name, "hi"]
        assert rates.loc[name, "hi"] - rates.loc[name, "lo"] < 0.2
    tests = pd.read_csv(study / "comparisons.csv").set_index(["run_a", "run_b"])
    assert tests.loc[("ip2p", "lego"), "p_value"] < 0.01
    assert tests.loc[("ip2p", "lego"), "difference"] == pytest.approx(
        rates.loc["ip2p", "rate"] - rates.loc["lego", "rate"]
    )
    agreement = json.loads((study / "agreement.json").read_text())
    assert abs(agreement["krippendorff_alpha"]["choice"]) < 0.1  # answers were independent
    bounds = agreement["alpha_intervals"]["choice"]
    assert bounds["lo"] < 0 < bounds["hi"] < 0.2
    assert (agreement["videos"], agreement["examples"], agreement["workers"]) == (20, 60, 20)


def test_the_key_of_the_pseudonyms_is_not_written_through_a_link(bench, study, tmp_path):
    (study / "worker.key").unlink(missing_ok=True)
    (study / "worker.key").symlink_to(tmp_path / "outside")
    (tmp_path / "results.csv").write_text(results_text(choosing(study, "lego", workers=1)))
    refused = bench("import-amt", tmp_path / "results.csv", "--study", study)
    assert refused.status == 2
    assert "worker.key is a link that leads out" in refused.err
    assert not (tmp_path / "outside").exists()
