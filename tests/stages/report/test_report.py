"""`bench report`: the page's content, its safety, and its reproducibility."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from drawn_runs import write_drawn_run
from drawn_split import write_drawn_split
from egoactgen_bench import (
    agreement,
    export_study,
    import_answers,
    load_run,
    load_scores,
    load_split,
    report,
    score,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.report.metric_correlations import metric_correlations, withheld_notes
from egoactgen_bench.stages.report.report_figures import score_figures
from egoactgen_bench.stages.report.result_tables import divide
from egoactgen_bench.support.files import read_csv, write_csv, write_json
from turk_results import results_text

HOSTILE = '"><img src=x onerror=alert(1)> </script><script>alert(2)</script> שלום 🧅 $x^2$'


METRICS = ("psnr", "ssim", "change")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A workspace with two scored runs, one with a missing image, and its report."""
    root = tmp_path_factory.mktemp("workspace")
    fill(write_drawn_split(root / "splits" / "drawn-val", count=6), METRICS)
    report(load_split(root / "splits/drawn-val"), root)
    return root


@pytest.fixture
def scored(drawn_split) -> Path:
    """A separate workspace for each test, scored but without a report."""
    return fill(drawn_split)


def fill(split: Path, metrics: Sequence[str] = METRICS[:1]) -> Path:
    runs = [
        load_run(write_drawn_run(split, name, failed))
        for name, failed in (("ip2p", ("V00_0",)), ("lego", ()))
    ]
    root = split.parents[1]
    folder = root / "scores" / split.name / "standard"
    score(load_split(split), runs, folder, metrics=metrics, references=["target"], bootstrap=50)
    return root


def data_of(page: Path) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    return json.loads(found[1])


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_page_has_every_value_and_every_image(workspace):
    folder = workspace / "reports" / "drawn-val"
    gallery = data_of(folder / "index.html")["gallery"]
    assert [run["name"] for run in gallery["runs"]] == ["ip2p", "lego"]
    values = load_scores(workspace / "scores/drawn-val/standard").values
    psnr = values[values["metric"] == "psnr"].set_index(["run", "sample_id"])["value"]
    for run, column in zip(("ip2p", "lego"), gallery["metrics"][0]["values"], strict=True):
        for sample_id, value in zip(gallery["ids"], column, strict=True):
            expected = psnr.get((run, sample_id))
            assert value == (None if expected is None else pytest.approx(expected, abs=5e-4))
    pictures = [*gallery["pictures"].values(), *(run["pictures"] for run in gallery["runs"])]
    names = {name for column in pictures for name in column}
    assert {name for name in names if name[0] == "!"} == {"!out_of_memory"}
    made = {path.stem for path in folder.glob("thumbnails/256/*/*.webp")}
    assert made == names - {"!out_of_memory"}


def test_the_page_refers_only_to_existing_local_files(workspace):
    folder = workspace / "reports" / "drawn-val"
    page = (folder / "index.html").read_text()
    named = re.findall(r'<(?:img|a) [^>]*?(?:src|href)="([^"#][^"]*)"', page)
    assert named
    assert all((folder / name).is_file() for name in named)
    assert "http" not in page.replace("http-equiv", "")
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".png", ".svg"}


def test_the_same_report_twice_is_the_same_bytes(workspace, tmp_path):
    split = load_split(workspace / "splits/drawn-val")
    for out, ids in (("once", ["V00_0"]), ("twice", ["V00_0"])):
        report(split, workspace, tmp_path / out, ids=ids)
    once = files_of(tmp_path / "once")
    assert once == files_of(tmp_path / "twice")
    assert {"figures/examples.png", "figures/examples.svg"} <= once.keys()


def test_untrusted_text_stays_text(bench, drawn_split):
    samples = read_csv(drawn_split / "samples.csv")
    samples.loc[0, ["action", "verb"]] = HOSTILE
    write_csv(drawn_split / "samples.csv", samples)
    texts = pd.DataFrame({"sample_id": samples["sample_id"], "description": HOSTILE})
    write_csv(drawn_split / "descriptions" / "made.csv", texts)
    run = write_drawn_run(drawn_split, "lego")
    manifest = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", manifest | {"options": {"resolved": {"prompt": HOSTILE}}})
    assert bench("score", "--metrics", "psnr").status == 0
    assert bench("report", "--ids", "V00_0").status == 0
    page = drawn_split.parents[1] / "reports" / "drawn-val" / "index.html"
    text = page.read_text()
    assert "<img src=x" not in text
    assert text.count("<script") == 3
    assert "</script><script>alert" not in text
    gallery = data_of(page)["gallery"]
    assert gallery["actions"][0] == HOSTILE
    assert gallery["descriptions"] == [HOSTILE] * 6


def test_warnings_are_apart_from_notes_and_given_once():
    texts = ["warning: <few>", "Best in bold", "warning: <few>", "warning: old"]
    assert divide(texts) == (["<few>", "old"], ["Best in bold"])


def test_warnings_have_a_box(bench, scored):
    path = scored / "scores/drawn-val/standard/score.json"
    manifest = json.loads(path.read_text())
    write_json(path, manifest | {"notices": ["warning: <few> samples", "Another note"]})
    assert bench("report").status == 0
    page = (scored / "reports/drawn-val/index.html").read_text()
    box = re.search(r'<div class="warnings" role="note">(.*?)</div>', page)[1]
    assert box == "<p><strong>Warning:</strong> &lt;few&gt; samples</p>"
    assert "<li>Another note</li>" in page


def test_a_split_without_scores_and_an_unknown_sample_are_refused(bench, drawn_split):
    result = bench("report")
    assert result.status == 2
    assert "has no scores to report: run `bench score` first" in result.err
    write_drawn_run(drawn_split, "lego")
    assert bench("score", "--metrics", "psnr").status == 0
    result = bench("report", "--ids", "V00_1")
    assert result.status == 2
    assert "has no sample 'V00_1'. Did you mean 'V01_1'?" in result.err


def test_a_run_regenerated_or_removed_after_scoring_is_reported(bench, scored):
    (scored / "runs/drawn-val/ip2p").rename(scored / "runs/drawn-val/moved")
    write_drawn_run(scored / "splits/drawn-val", "lego", failed=("V01_1",))
    result = bench("report")
    assert result.status == 0
    assert "Run 'ip2p' is not in the workspace: its images are not shown." in result.out
    assert "warning: the images of run 'lego' have changed since it was scored" in result.out


def test_a_changed_image_is_not_shown(bench, scored):
    (scored / "runs/drawn-val/lego/images/V01_1.png").write_bytes(b"x")
    assert bench("report").status == 0
    gallery = data_of(scored / "reports/drawn-val/index.html")["gallery"]
    assert gallery["runs"][1]["pictures"][1] == "!changed_image"


def test_scores_of_another_split_are_refused(bench, scored):
    path = scored / "scores/drawn-val/standard/score.json"
    write_json(path, json.loads(path.read_text()) | {"fingerprint": "0" * 64})
    result = bench("report")
    assert result.status == 2
    assert "contains scores of another version of split 'drawn-val'" in result.err


def test_imported_answers_are_on_the_page(bench, scored):
    assert bench("export-amt").status == 0
    study = scored / "studies" / "drawn-val-best-of"
    key = pd.read_csv(study / "key.csv")
    rows = [
        {
            "AssignmentId": f"A{task}",
            "WorkerId": "W",
            "AssignmentStatus": "Submitted",
            "Input.task": task,
            "Answer.choice": group.set_index("run").loc["lego", "position"],
        }
        for task, group in key.groupby("task")
    ]
    pd.DataFrame(rows).to_csv(study / "results.csv", index=False)
    assert bench("import-amt", study / "results.csv").status == 0
    assert bench("report").status == 0
    page = (scored / "reports/drawn-val/index.html").read_text()
    assert "study drawn-val-best-of" in page
    assert re.search(
        r'<th scope="row">lego</th><td>5</td><td>5</td>\s*<td class="best">100.0 %', page
    )
    assert (scored / "reports/drawn-val/figures/study-drawn-val-best-of.svg").is_file()
    assert "Agreement of metrics with raters" not in page


def test_the_agreement_of_metrics_with_raters_is_on_the_page(bench, tmp_path):
    root = tmp_path / "workspace"
    study = fill_study(root)
    assert bench("report").status == 0
    page = (root / "reports/drawn-val/index.html").read_text()
    assert "<h2>Agreement of metrics with raters</h2>" in page
    rows = pd.read_csv(study / "agreement_metrics.csv").set_index("metric")
    value, low, high = (100 * rows.loc["psnr", f"accuracy{end}"] for end in ("", "_lo", "_hi"))
    assert re.search(
        rf'PSNR ↑</th><td class="best">{value:.1f} <span class="margin">'
        rf"\[{low:.1f}, {high:.1f}\]</span></td>",
        page,
    )
    assert (root / "reports/drawn-val/figures/votes-drawn-val-best-of.png").is_file()
    assert "have changed since" not in page
    table = root / "runs" / "drawn-val" / "lego" / "samples.csv"
    rows = pd.read_csv(table)
    # "ip2p" has no image of the first sample, which is therefore not in the study.
    for place, when in ((0, "it was scored"), (1, "raters saw them")):
        rows.loc[place, ["sha256"]] = "0" * 64
        rows.to_csv(table, index=False)
        notes = " ".join(agreement(study, workspace=root).manifest.notes)
        assert f"warning: the images of run 'lego' have changed since {when}" in notes
    answers = study / "ratings.csv"
    answers.write_text(answers.read_text().replace("Submitted", "Approved"))
    result = bench("report")
    assert "measured with another ratings.csv, and is omitted: run `bench agreement" in result.out
    page = (root / "reports/drawn-val/index.html").read_text()
    assert "<h2>Agreement of metrics with raters</h2>" not in page


def fill_study(root: Path) -> Path:
    """A scored workspace with a study of six videos, three raters' votes, and their agreement."""
    split = write_drawn_split(root / "splits" / "drawn-val", 11, size=(24, 16))
    samples = pd.read_csv(split / "samples.csv")
    samples["video_id"] = [f"V{number // 2:02d}" for number in range(11)]
    samples.to_csv(split / "samples.csv", index=False)
    fill(split)
    study = export_study("drawn-val", ["lego", "ip2p"], workspace=root)
    key = study.key.set_index(["task", "run"])["position"]
    answers = [
        {"task": task, "worker": f"W{rater}", "choice": key[task, run], "status": "Submitted"}
        for number, task in enumerate(sorted(set(study.key["task"])))
        for rater, run in enumerate(["lego", "lego", ("lego", "ip2p")[number % 2]])
    ]
    (root / "results.csv").write_text(results_text(answers))
    import_answers(study, root / "results.csv", workspace=root)
    return agreement(study, workspace=root).folder


def test_metrics_are_correlated_over_the_samples_of_each_run_that_is_ranked(workspace):
    scores = load_scores(workspace / "scores/drawn-val/standard")
    split = load_split(workspace / "splits/drawn-val")
    metrics, found = metric_correlations(scores, split.samples)
    assert metrics == ["psnr", "ssim", "change"]
    values = scores.values.pivot(index=["run", "sample_id"], columns="metric", values="value")
    by_run = [
        spearmanr(values.loc[run, "psnr"], values.loc[run, "ssim"]).statistic
        for run in ("ip2p", "lego")
    ]
    assert found.rho[0, 1] == pytest.approx(np.mean(by_run))


def test_metrics_of_a_group_have_their_own_figure_of_correlations(workspace):
    scores = load_scores(workspace / "scores/drawn-val/standard")
    metrics = {
        name: about.model_copy(update={"group": "" if name == "psnr" else "By region"})
        for name, about in scores.metrics.items()
    }
    manifest = scores.manifest.model_copy(update={"metrics": metrics})
    drawn = score_figures(
        replace(scores, manifest=manifest),
        pd.read_csv(scores.folder / "slices.csv"),
        load_split(workspace / "splits/drawn-val").samples,
    )
    found = [figure for kind, figure in drawn if kind == "agreement"]
    assert [figure.name for figure in found] == ["standard-agreement-2"]
    assert "Change and SSIM" in found[0].alt
    assert "PSNR" not in found[0].alt


def test_the_page_says_why_correlations_have_no_interval(workspace):
    page = (workspace / "reports/drawn-val/index.html").read_text()
    assert "[–] no interval, fewer than 4 videos: all pairs." in page
    described = r'alt="Rank correlation of metrics over samples: SSIM and PSNR −?\d\.\d\d \[–\], '
    assert re.search(described, page)


def test_withheld_correlations_are_named():
    reasons = dict.fromkeys([(0, 1), (0, 2), (0, 3)], "no videos") | {(1, 2): "no samples"}
    assert withheld_notes("abcd", reasons) == [
        "[–] no interval, no videos: all pairs of a.",
        "[–] no interval, no samples: b and c.",
    ]


@pytest.mark.parametrize("name", ["figures", "figures/psnr.png", "thumbnails/256", "x/y"])
def test_a_report_is_not_written_through_a_link_that_leads_out(scored, tmp_path, name):
    link = scored / "reports/drawn-val" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BenchError, match=rf"{name} is a link that leads out of"):
        report(load_split(scored / "splits/drawn-val"), scored)
    assert not (tmp_path / "elsewhere").exists()
    assert [path.name for path in scored.glob("reports/drawn-val/*")] == [name.split("/")[0]]
