"""Blocks that need something, run with small files of that kind."""

import shutil

import pandas as pd
import pytest

from doc_pages import block_of, run_block
from drawn_runs import write_run
from numbered_videos import write_video
from turk_results import results_text


@pytest.fixture
def folder(tmp_path, monkeypatch, drawn_split):
    """The current folder, with a workspace that contains a split of 6 samples."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ids(drawn_split):
    return list(pd.read_csv(drawn_split / "samples.csv")["sample_id"])


def test_finished_images_and_videos(bench, folder, drawn_split, ids):
    for sample in ids:
        (folder / "FRAMES").mkdir(exist_ok=True)
        shutil.copy(drawn_split / "frames" / sample / "target.png", f"FRAMES/{sample}.png")
    (result,) = run_block(block_of("methods.md", "images:FRAMES"), bench, {})
    assert "6 of 6 images" in result.out
    (folder / "CLIPS").mkdir()
    video = write_video(folder / "CLIPS" / f"{ids[0]}.mp4", range(5))
    for sample in ids[1:]:
        shutil.copy(video, f"CLIPS/{sample}.mp4")
    (result,) = run_block(block_of("methods.md", "videos:CLIPS"), bench, {})
    assert "6 of 6 images" in result.out


def test_sharing_and_reporting(bench, folder, drawn_split, ids):
    for name, noise in (("lego", 5), ("ip2p", 20), ("theirs", 40)):
        write_run(drawn_split, name, noise)
    for call in (
        ("score", "theirs", "--metrics", "psnr"),
        ("pack", "theirs", "--group", "their-lab", "--out", "their-lab.zip"),
    ):
        assert bench(*call).status == 0
    shared = run_block(block_of("leaderboard.md", "bench pack lego ip2p"), bench, {})
    assert "my-lab.zip" in shared[1].out
    assert "drawn-val-submissions/index.html" in shared[-1].out
    names = {"P01_11_3,P01_11_9,P02_03_17": ",".join(ids[:3])}
    names |= {"a.zip": "my-lab.zip", "b.zip": "their-lab.zip"}
    run_block(block_of("report.md", "bench report --ids"), bench, names)
    assert (folder / "workspace/reports/drawn-val/figures/examples.png").is_file()


def test_a_user_study_and_its_agreement_with_metrics(bench, folder, drawn_split, ids):
    for name, noise in (("lego", 5), ("ip2p", 20)):
        write_run(drawn_split, name, noise)
    study = folder / "workspace/studies/drawn-val-best-of"

    def raters_answer(*words):
        if words[0] == "import-amt":
            key = pd.read_csv(study / "key.csv").query("run == 'lego'")
            votes = [
                {"task": row.task, "worker": f"w{rater}", "choice": str(row.position)}
                for row in key.itertuples()
                for rater in range(3)
            ]
            (folder / "results.csv").write_text(results_text(votes))
        return bench(*words)

    _, imported = run_block(block_of("user-study.md", "bench import-amt"), raters_answer, {})
    assert "lego" in imported.out
    assert pd.read_csv(study / "win_rates.csv").set_index("run").loc["lego", "rate"] == 1
    run_block(block_of("user-study.md", "bench agreement     "), bench, {})
    agreement = pd.read_csv(study / "agreement_metrics.csv").set_index("metric")
    assert agreement.loc["psnr", "accuracy"] == 1
