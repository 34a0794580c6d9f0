"""The four main commands on a real clip and on the released layout, twice, with equal results."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

CLIP = "3c0dffd0-e38e-4643-bc48-d513943dc20b_012_014.mp4"
UID = "3c0dffd0-e38e-4643-bc48-d513943dc20b"
ACTIONS = (("#C C opens the drawer", 5, 30), ("#C C picks a cup", 20, 45), ("#C C cuts", 2, 58))
# Values that may differ between two equal calls.
VOLATILE = {"timing", "device", "versions", "seconds", "checksum"}


def fho_main(folder: Path) -> Path:
    """fho_main.json and ego4d.json in the true format, with invented narrations."""
    actions = [
        {
            "start_sec": 0.0,
            "end_sec": 2.0,
            "start_frame": 0,
            "end_frame": 60,
            "narration_timestamp_sec": 1.0,
            "narration_text": text,
            "structured_verb": None,
            "freeform_verb": None,
            "is_valid_action": True,
            "is_rejected": False,
            "is_invalid_annotation": False,
            "critical_frames": {"pre_15": pre, "contact_frame": None, "pnr_frame": pnr},
            "frames": [],
        }
        for text, pre, pnr in ACTIONS
    ]
    interval = {"start_sec": 0.0, "end_sec": 2.0, "redacted": False, "narrated_actions": actions}
    metadata = {"fps": 30.0, "num_frames": 60, "width": 384, "height": 288, "duration_sec": 2.0}
    video = {"video_uid": UID, "video_metadata": metadata, "annotated_intervals": [interval]}
    folder.mkdir(parents=True)
    (folder / "fho_main.json").write_text(json.dumps({"version": "1", "videos": [video]}))
    split = {"video_uid": UID, "split_fho": "val", "redacted_intervals": []}
    (folder / "ego4d.json").write_text(json.dumps({"videos": [split]}))
    return folder


def features(folder: Path, ids: list[str]) -> Path:
    """The VLLM's features for each sample, in the sizes of the golden checkpoint."""
    for number, sample_id in enumerate(ids):
        for kind, tokens in (("image", 256), ("text", 40)):
            noise = np.random.default_rng(700 + number).standard_normal((tokens, 5120), np.float32)
            (folder / kind).mkdir(parents=True, exist_ok=True)
            np.save(folder / kind / f"{sample_id}.npy", noise)
    return folder


def content(workspace: Path) -> dict[str, str]:
    """Every file's hash; for manifests and run tables without values that may differ."""
    found = {}
    for path in sorted(p for p in workspace.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.suffix == ".json":
            data = json.dumps(stable(json.loads(data)), sort_keys=True).encode()
        elif path.name == "samples.csv" and "runs" in path.parts:
            data = pd.read_csv(path).drop(columns="seconds").to_csv().encode()
        name = path.relative_to(workspace).as_posix()
        if not name.startswith(("models/", "cache/")):
            found[name] = hashlib.sha256(data).hexdigest()
    return found


def stable(value: object) -> object:
    """Without values that may differ and hashes of files that contain them."""
    if isinstance(value, dict):
        of_a_run = "seconds" in str(value) or value.keys() == {"samples.csv"}
        volatile = VOLATILE | ({"samples.csv"} if of_a_run else set())
        return {key: stable(item) for key, item in value.items() if key not in volatile}
    return value


@pytest.fixture
def loop(bench, tmp_path):
    """Prepare a split by the given options, then run, score and export in a new workspace."""

    def call(name: str, *prepare: object) -> Path:
        workspace = tmp_path / name

        def step(*arguments: object) -> None:
            result = bench(*arguments, "-w", workspace)
            assert result.status == 0, (arguments, result.err)

        step("prepare-splits", *prepare)
        split = next((workspace / "splits").iterdir())
        ids = pd.read_csv(split / "samples.csv").sample_id.astype(str).tolist()
        folder = features(tmp_path / "features", ids)
        described = pd.DataFrame({"sample_id": ids, "description": "a hand opens the drawer"})
        (split / "descriptions").mkdir(exist_ok=True)
        described.to_csv(split / "descriptions/oracle.csv", index=False)
        (split / "descriptions/oracle.json").write_text(json.dumps({"vllm": "none: a test"}))
        weights = Path(__file__).parents[3] / "shared/golden/upstream_tiny.ckpt"
        sampling = ("-o", "steps=3", "-o", f"features={folder}", "--descriptions", "oracle")
        step("run", "--method", "lego", "--weights", weights, *sampling)
        step("run", "--method", "copy-input")
        step("score")
        step("export-amt")
        return workspace

    return call


@pytest.fixture
def ego4d(shared, tmp_path):
    """Arguments of `prepare-splits` for the real clip."""
    videos = tmp_path / "ego4d" / "v2" / "full_scale"
    videos.mkdir(parents=True)
    (videos / f"{UID}.mp4").symlink_to(shared / "data/ego4d" / CLIP)
    annotations = fho_main(tmp_path / "ego4d" / "v2" / "annotations")
    return ("ego4d", "--annotations", annotations, "--videos", tmp_path / "ego4d" / "v2")


@pytest.mark.parametrize("data", ["ego4d", "toy-kitchen"])
def test_the_paper_s_four_methods_twice_at_equal_settings(bench, request, tmp_path, data):
    """LEGO, InstructPix2Pix, SDEdit and ProxEdit on the real clip and on rendered frames."""
    options = request.getfixturevalue("ego4d") if data == "ego4d" else ("toy-kitchen",)
    methods = ("lego", "ip2p", "sdedit", "proxedit")
    found = []
    for name in ("first", "second"):
        workspace = tmp_path / name
        calls = [("prepare-splits", *options, "--limit", 3)]
        # Toy weights on other data must be asked for by name.
        weights = ("--weights", "toy") if data == "ego4d" else ()
        calls += [("run", "--method", method, *weights, "-o", "steps=2") for method in methods]
        calls += [("score", "--metrics", "psnr,ssim")]
        for call in calls:
            result = bench(*call, "-w", workspace)
            assert result.status == 0, (call, result.err)
        found.append(content(workspace))
    assert found[0] == found[1]
    summary = pd.read_csv(next(workspace.glob("scores/*/standard/summary.csv")))
    assert set(summary.run) == set(methods)
    assert (summary.n == 3).all()
    assert np.isfinite(summary.psnr).all()


def test_ego4d_clip(shared, ego4d, loop):
    first, second = loop("first", *ego4d), loop("second", *ego4d)
    assert content(first) == content(second)

    split = first / "splits/ego4d-val"
    samples = pd.read_csv(split / "samples.csv")
    assert samples.action.tolist() == ["open the drawer", "pick a cup", "cut"]
    assert samples.sample_id.tolist() == [f"{UID}_{pnr}" for _, _, pnr in ACTIONS]
    frame = Image.open(split / samples.target_frame[0])
    assert frame.size == (342, 256)
    # Frame 30 of the clip as decoded by another program, resized to the split's size.
    truth = Image.open(shared / "golden/frames/frame_030_384x288.png")
    resized = truth.resize((342, 256), Image.Resampling.LANCZOS)
    difference = np.abs(np.asarray(frame, dtype=int) - np.asarray(resized, dtype=int))
    assert difference.max() <= 3

    run = first / "runs/ego4d-val/lego"
    assert Image.open(run / "images" / f"{UID}_30.png").size == (256, 256)
    summary = pd.read_csv(first / "scores/ego4d-val/standard/summary.csv").set_index("run")
    assert summary.loc["copy-input", "psnr"] > summary.loc["lego", "psnr"]
    study = first / "studies/ego4d-val-best-of"
    batch, key = pd.read_csv(study / "batch.csv"), pd.read_csv(study / "key.csv")
    assert len(batch) == len(ACTIONS)
    assert set(key.run) == {"lego", "copy-input"}
    assert "lego" not in (study / "batch.csv").read_text() + (study / "hit.html").read_text()


def test_released_layout(shared, loop, tmp_path):
    root = tmp_path / "LEGO-Dataset"
    frames = root / "EgoGen" / "epickitchen" / "val" / "P01_01"
    entries: dict[str, dict[str, object]] = {}
    for action, (first, last) in enumerate(((0, 30), (15, 45))):
        folder = frames / str(action)
        folder.mkdir(parents=True)
        paths = []
        for number in (first, last):
            source = Image.open(shared / f"golden/frames/frame_{number:03d}_456x256.png")
            source.save(folder / f"{number:05d}.jpg", quality=95)
            paths.append(f"P01_01/{action}/{number:05d}.jpg")
        entries[str(action)] = {
            "image_0": paths[0],
            "image_1": paths[1],
            "action": "open drawer",
            "llava_forecast_finetune": "A hand pulls the drawer open.",
        }
    (root / "epickitchen_val.json").write_text(json.dumps({"P01_01": entries}))
    meta = {"P01_01": {"height": 1080, "width": 1920, "fps": 60.0}}
    (root / "epickitchen_metadata.json").write_text(json.dumps(meta))
    options = ("lego-release", "--annotations", root, "--videos", root)
    first, second = loop("first", *options), loop("second", *options)
    assert content(first) == content(second)
    split = next((first / "splits").iterdir())
    samples = pd.read_csv(split / "samples.csv")
    assert samples.sample_id.tolist() == ["P01_01_0", "P01_01_1"]
    kept = np.asarray(Image.open(split / samples.input_frame[0]))
    assert (kept == np.asarray(Image.open(frames / "0" / "00000.jpg"))).all()
