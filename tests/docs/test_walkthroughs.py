"""Pages that a newcomer follows word by word: their blocks run in order, in one folder."""

import av
import numpy as np
import pandas as pd
import pytest

from doc_pages import DOCS, blocks, run_page
from epic_rows import HEADER, epic_row

VIDEOS = {"P01_11": 31, "P01_12": 97, "P02_12": 150, "P03_21": 203}  # id → brightness
ACTIONS = 6  # of each video
RATE = 10


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The newcomer's current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_video(path, level):
    """Seconds of moving noise, as EPIC-KITCHENS names its videos."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(level).normal(level, 30, (9, 16, 3)).clip(0, 255)
    picture = noise.astype(np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height = 128, 72
        for number in range((2 * ACTIONS + 1) * RATE):
            moved = np.ascontiguousarray(np.roll(picture, number, axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        container.mux(stream.encode())


def write_epic_kitchens(folder):
    """Annotations and videos under their real names; one action begins too early."""
    rows = [epic_row("P01_11_900", "00:00:00.10", "00:00:01.00", "P01_11", "wash cup")]
    for video, level in VIDEOS.items():
        write_video(folder / "EPIC-KITCHENS" / video[:3] / "videos" / f"{video}.MP4", level)
        for number in range(ACTIONS):
            times = (f"00:00:{2 * number + 1:02d}.00", f"00:00:{2 * number + 2:02d}.50")
            rows.append(epic_row(f"{video}_{number}", *times, video, "open drawer"))
    (folder / "EPIC_100_validation.csv").write_text("\n".join([HEADER, *rows]) + "\n")


def write_brighter(folder):
    """The file of docs/your-method.md."""
    (source,) = (b.text for b in blocks(DOCS / "your-method.md") if b.title == "brighter.py")
    (folder / "brighter.py").write_text(source)


def test_epic_kitchens_from_the_annotations_to_a_comparison_of_two_groups(bench, folder):
    write_epic_kitchens(folder)
    write_brighter(folder)
    data = ("--annotations", "EPIC_100_validation.csv", "--videos", "EPIC-KITCHENS")
    for call in (
        ("prepare-splits", "epic-kitchens", *data),
        ("run", "--method", "brighter:Brighter", "--name", "brightest", "-o", "light=2"),
        ("score", "--metrics", "psnr,ssim"),
        ("pack", "--group", "their-lab", "--out", "their-lab.zip"),
    ):
        assert bench("-w", "theirs", *call).status == 0

    results = run_page("epic-kitchens.md", bench, folder)
    listed, planned, prepared, *_, verified, compared = [each.out for each in results]
    ids = (folder / "workspace/splits/epic-kitchens-val.videos.txt").read_text().split()
    assert ids == list(VIDEOS) and "4 videos" in listed
    count = len(VIDEOS) * ACTIONS
    assert f"{count} samples would be kept" in planned
    assert f"{count} kept" in prepared and "1 rejected: input_before_start" in prepared
    summary = pd.read_csv("workspace/scores/epic-kitchens-val/standard/summary.csv")
    assert list(summary["run"]) == ["brighter", "copy-input"]
    assert (summary["n"] == count).all() and summary["psnr_lo"].notna().all()
    assert "everything is as recorded" in verified
    page = "workspace/reports/epic-kitchens-val-submissions/index.html"
    assert page in compared
    text = (folder / page).read_text(encoding="utf-8")
    assert "my-lab/brighter" in text and "their-lab/brightest" in text


def test_your_method(bench, folder):
    results = run_page("your-method.md", bench, folder)
    described = results[1].out
    assert "light  float, ≥ 1, ≤ 4  1.5  factor of the brightness" in described
    table = pd.read_csv("workspace/scores/toy-kitchen/standard/summary.csv")
    assert list(table["run"]) == ["brighter", "copy-input"]
    assert {"psnr", "ssim", "lpips"} <= set(table)
    assert (folder / "workspace/reports/toy-kitchen/index.html").is_file()


def test_quickstart(bench, folder):
    results = run_page("quickstart.md", bench, folder)
    assert all("everything is as recorded" in each.out for each in results[-2:])
    for written in (
        "runs/toy-kitchen/lego/run.json",
        "scores/toy-kitchen/standard/table.md",
        "reports/toy-kitchen/index.html",
        "studies/toy-kitchen-best-of/preview.html",
    ):
        assert (folder / "workspace" / written).is_file()


def test_weights(bench, folder):
    listed = run_page("weights.md", bench, folder)[0].out
    assert "ViT-L-14.safetensors" in listed
