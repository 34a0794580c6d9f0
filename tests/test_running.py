"""The stage run: bytes under kills, shards and ranks; failures; what it refuses and says."""

import errno
import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import sha256_file
from egoactgen_bench.running import journal
from egoactgen_bench.running import stage as running
from egoactgen_bench.runs import default_name, load_run
from egoactgen_bench.seeds import derive_seed
from egoactgen_bench.sharding import Share
from egoactgen_bench.splits import load_split

METHODS = '''
import time
import numpy as np
from PIL import Image
from pydantic import Field
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.methods import Method
from egoactgen_bench.options import Options

class NoiseOptions(Options):
    size: int = Field(8, ge=1, le=64, description="width and height")
    pause: float = Field(0.0, description="seconds per image")

class Noise(Method[NoiseOptions]):
    """Seeded noise."""
    Options = NoiseOptions
    uses_device = False

    def prompt(self, request):
        return f"{request.action}, {request.description}"

    def generate(self, requests):
        return [self.one(request) for request in requests]

    def one(self, request):
        time.sleep(self.options.pause)
        size = self.options.size
        noise = np.random.default_rng(request.seed).integers(0, 256, (size, size, 3), np.uint8)
        return Image.fromarray(noise)

class OutOfMemoryError(RuntimeError):
    pass

class Faulty(Noise):
    """Fails in a different way for each sample, and scribbles into its input first."""

    def one(self, request):
        request.input.paste((0, 0, 0), (0, 0, 4, 4))
        number = int(request.sample_id[-1])
        if number == 0:
            raise ValueError("no\\nluck")
        if number == 1:
            return SampleError("no_features", "V01_1.npy")
        if number == 2:
            raise OutOfMemoryError("CUDA out of memory")
        if number == 3:
            return np.full((8, 8, 3), np.nan, np.float32)
        if number == 4:
            return super().one(request).convert("L")
        return super().one(request)

class Refusing(Noise):
    uses_device = True

    def generate(self, requests):
        raise BenchError("Features are missing: give -o features=DIR.")

class TooFew(Noise):
    def generate(self, requests):
        return [self.one(request) for request in requests][1:]

class Weighted(Noise):
    uses_weights = True
    default_weights = "noise-weights"

    def weight_files(self):
        return sorted(self.setting.weights.glob("*.bin"))

NotAMethod = dict
'''


@pytest.fixture
def workspace(drawn_split, monkeypatch):
    """The workspace of `bench`, with a module of methods in the current folder."""
    folder = drawn_split.parents[1]
    name = f"methods_{secrets.token_hex(4)}"  # a module of its own for each test
    (folder / f"{name}.py").write_text(METHODS)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def module(workspace):
    return next(workspace.glob("methods_*.py")).stem


def contents(folder):
    """Every file of a run by relative path; what may differ between repetitions taken out."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.name == "run.json":
            manifest = json.loads(data)
            data = {
                key: manifest[key] for key in manifest.keys() - {"timing", "device", "versions"}
            }
        if path.name == "samples.csv":
            data = pd.read_csv(BytesIO(data)).drop(columns="seconds").to_csv()
        found[str(path.relative_to(folder))] = data
    return found


def bench_process(*arguments, **environment):
    program = Path(sys.executable).with_name("bench")
    return subprocess.Popen(
        [program, *map(str, arguments)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_copy_input_gives_the_split_s_own_frames_and_a_full_record(bench, workspace):
    result = bench("run", "--method", "copy-input")
    assert (result.status, result.err) == (0, "")
    run = load_run(workspace / "runs/drawn-val/copy-input")
    split = load_split(workspace / "splits/drawn-val")
    assert list(run.samples["sample_id"]) == list(split.samples["sample_id"])
    # The drawn frames are PNGs of ours, so that equal pixels are equal files.
    assert list(run.samples["sha256"]) == list(split.samples["input_sha256"])
    assert list(run.samples["seed"]) == [derive_seed(0, i) for i in run.samples["sample_id"]]
    assert set(run.samples["status"]) == {"ok"}
    for row in run.samples.itertuples():
        assert row.image == f"images/{row.sample_id}.png"
        assert sha256_file(run.image_path(row.image)) == row.sha256
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "images",
        "run.json",
        "samples.csv",
    ]
    manifest = run.manifest
    assert manifest["method"] == "copy-input"
    assert manifest["options"] == {"passed": {}, "resolved": {}}
    assert (manifest["split"], manifest["fingerprint"]) == ("drawn-val", split.fingerprint)
    assert manifest["counts"] == {"samples": 6, "failed": 0, "by_status": {"ok": 6}}
    assert manifest["timing"].keys() == {"seconds", "images_per_second"}


def test_a_stranger_s_method_of_the_current_folder_gets_options_seed_and_description(
    bench, workspace, module
):
    folder = workspace / "splits/drawn-val/descriptions"
    folder.mkdir()
    (folder / "tuned.csv").write_text("sample_id,description\nV00_0,a hand\nV01_1,\n")
    call = ["run", "--method", f"{module}:Noise", "--descriptions", "tuned", "-o", "size=5"]
    result = bench(*call, "--seed", 7, "--run", "mine", "--limit", 2)
    assert result.status == 0
    run = load_run(workspace / "runs/drawn-val/mine")
    assert list(run.samples["prompt"]) == ["open drawer, a hand", "take mug, None"]
    assert run.manifest["options"] == {
        "passed": {"size": "5"},
        "resolved": {"size": 5, "pause": 0.0},
    }
    assert run.manifest["descriptions"] == "tuned"
    assert run.manifest["descriptions_sha256"] == sha256_file(folder / "tuned.csv")
    other = bench(*call, "--seed", 8, "--run", "other", "--limit", 2)
    assert other.status == 0
    hashes = load_run(workspace / "runs/drawn-val/other").samples["sha256"]
    assert not set(hashes) & set(run.samples["sha256"])
    assert "Did you mean 'tuned'?" in bench(*call[:3], "--descriptions", "tunde").err


def test_a_run_killed_again_and_again_ends_with_the_bytes_of_an_uninterrupted_one(
    bench, workspace, module
):
    call = ["run", "--method", f"{module}:Noise", "--batch-size", 1, "-o", "pause=0.1"]
    journal = workspace / "runs/drawn-val/killed/journal"
    for done in (0, 1, 3, 4):
        process = bench_process(*call, "--run", "killed")
        while len(list(journal.glob("[0-9]*.json"))) <= done:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (journal.parent / "run.json").exists()
    assert bench(*call, "--run", "killed").status == 0
    assert bench(*call, "--run", "whole").status == 0
    assert contents(journal.parent) == contents(workspace / "runs/drawn-val/whole")


def test_a_full_disk_is_said_and_the_run_goes_on_later(bench, workspace, monkeypatch):
    bench("run", "--method", "copy-input", "--batch-size", 2, "--name", "whole")
    write = Path.write_bytes

    def full(self, data):
        if "V00_3" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        result = bench("run", "--method", "copy-input", "--batch-size", 2)
    assert result.status == 2
    assert "The disk is full" in result.err
    assert bench("run", "--method", "copy-input", "--batch-size", 2).status == 0
    runs = workspace / "runs/drawn-val"
    assert contents(runs / "copy-input") == contents(runs / "whole")


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


def test_a_stop_before_or_after_any_write_changes_nothing(workspace, monkeypatch):
    split = load_split(workspace / "splits/drawn-val")
    expected = contents(running.run("copy-input", split, workspace / "whole", batch_size=2).folder)
    place = Path.replace

    def stopping_at(number, after):
        writes = itertools.count(1)  # images are written by threads; its next() is atomic

        def replace(self, target):
            this = next(writes)
            if this != number or after:
                place(self, target)
            if this == number:
                raise Killed

        return replace

    for number in range(1, 13):  # the plan, 6 images, 3 batches, the table, the manifest
        for after in (False, True):
            folder = workspace / f"stopped-{number}-{after}"
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", stopping_at(number, after))
                with pytest.raises(Killed):
                    running.run("copy-input", split, folder, batch_size=2)
            running.run("copy-input", split, folder, batch_size=2)
            assert contents(folder) == expected


def test_an_image_damaged_while_the_run_was_down_is_made_again(bench, workspace, module):
    call = ["run", "--method", f"{module}:Noise", "--batch-size", 2]
    assert bench(*call, "--run", "whole").status == 0
    assert bench(*call, "--run", "damaged", "--shard", "1/2").status == 0
    folder = workspace / "runs/drawn-val/damaged"
    (folder / "images/V00_0.png").write_bytes(b"half a fi")
    (folder / "images/V01_1.png").unlink()
    (folder / "images/.V00_3.png.0a1b2c3d.tmp").write_bytes(b"left by a kill")
    assert bench(*call, "--run", "damaged").status == 0
    assert contents(folder) == contents(workspace / "runs/drawn-val/whole")


def test_shards_in_one_folder_or_copied_together_give_the_bytes_of_one_run(
    bench, workspace, module
):
    call = ["run", "--method", f"{module}:Noise", "--batch-size", 1]
    assert bench(*call, "--run", "whole").status == 0
    expected = contents(workspace / "runs/drawn-val/whole")

    for shard in ("3/3", "1/3"):
        result = bench(*call, "--run", "shared", "--shard", shard)
        assert result.status == 0
        assert f"shard {shard} is done, 2 images" in result.out
        assert not (workspace / "runs/drawn-val/shared/run.json").exists()
    assert "6 of 6 images" in bench(*call, "--run", "shared", "--shard", "2/3").out
    assert contents(workspace / "runs/drawn-val/shared") == expected

    for shard in (1, 2):
        bench(*call, "--out", workspace / f"part-{shard}", "--shard", f"{shard}/2")
        shutil.copytree(workspace / f"part-{shard}", workspace / "joined", dirs_exist_ok=True)
    assert "6 of 6 images" in bench(*call, "--out", workspace / "joined").out
    assert contents(workspace / "joined") == expected


def test_another_process_completes_the_run_while_this_one_writes_it(workspace, monkeypatch):
    split = load_split(workspace / "splits/drawn-val")
    first = running.run("copy-input", split, workspace / "first")
    write_json = journal.write_json

    def overtaken(path, value):
        if path.name != "run.json":
            return write_json(path, value)
        monkeypatch.setattr(journal, "write_json", write_json)
        running.run("copy-input", split, workspace / "both")
        raise FileNotFoundError(path)  # its temporary file went when the other one swept

    monkeypatch.setattr(journal, "write_json", overtaken)
    done = running.run("copy-input", split, workspace / "both")
    assert done.samples["sha256"].tolist() == first.samples["sha256"].tolist()
    assert not list((workspace / "both").glob(".*.tmp"))


def test_torchrun_s_processes_share_the_batches_and_rank_0_speaks(bench, workspace, module):
    call = ["run", "--method", f"{module}:Faulty", "--batch-size", 1]
    assert bench(*call, "--run", "whole").status == 1
    ranks = [
        bench_process(*call, "--run", "ranks", RANK=str(rank), WORLD_SIZE="2") for rank in (0, 1)
    ]
    outputs = [process.communicate(timeout=60) for process in ranks]
    assert [process.returncode for process in ranks] == [1, 0]
    assert "1 of 6 images" in outputs[0][0]
    assert outputs[1] == ("", "")
    assert contents(workspace / "runs/drawn-val/ranks") == contents(
        workspace / "runs/drawn-val/whole"
    )


def test_shares_are_disjoint_and_cover_every_batch():
    for shards, ranks, batches in [(1, 1, 7), (3, 2, 20), (2, 4, 5)]:
        owned = [
            batch
            for shard in range(1, shards + 1)
            for rank in range(ranks)
            for batch in Share.of_process(
                f"{shard}/{shards}", {"RANK": str(rank), "WORLD_SIZE": str(ranks)}
            ).of_rank(batches)
        ]
        assert sorted(owned) == list(range(batches))
    for wrong in ("0/2", "3/2", "1", "a/b", "1/0", "-1/2"):
        with pytest.raises(BenchError, match="of the form i/n"):
            Share.of_process(wrong, {})


def test_a_bad_sample_costs_itself_only_and_is_named_with_its_code(bench, workspace, module):
    (workspace / "splits/drawn-val/frames/V02_5/input.png").unlink()
    bench("run", "--method", f"{module}:Noise", "--run", "clean")
    result = bench("run", "--method", f"{module}:Faulty", "--run", "faulty", "--batch-size", 6)
    assert result.status == 1
    assert result.out.splitlines()[:-1] == [
        "failed: V00_0: method_error (ValueError: no)",
        "failed: V01_1: no_features (V01_1.npy)",
        "failed: V02_2: out_of_memory (OutOfMemoryError: CUDA out of memory)",
        "failed: V00_3: invalid_output (an array (8, 8, 3) of float32, wanted an 8-bit RGB PIL "
        "image)",
        "failed: V01_4: invalid_output (a L image of 8 × 8, wanted an 8-bit RGB PIL image)",
        "failed: V02_5: missing_image (input frame frames/V02_5/input.png)",
    ]
    manifest = json.loads((workspace / "runs/drawn-val/faulty/run.json").read_text())
    assert manifest["counts"] == {
        "samples": 6,
        "failed": 6,
        "by_status": {
            "invalid_output": 2,
            "method_error": 1,
            "missing_image": 1,
            "no_features": 1,
            "out_of_memory": 1,
        },
    }
    again = bench("run", "--method", f"{module}:Faulty", "--run", "faulty", "--batch-size", 6)
    assert again.status == 1
    assert "complete already" in again.out


def test_the_neighbours_of_a_bad_sample_keep_their_bytes(bench, workspace, module):
    bench("run", "--method", f"{module}:Noise", "--run", "clean", "--batch-size", 6)
    bench("run", "--method", f"{module}:Faulty", "--run", "faulty", "--batch-size", 6)
    clean = load_run(workspace / "runs/drawn-val/clean").samples.set_index("sample_id")
    faulty = load_run(workspace / "runs/drawn-val/faulty")
    assert list(faulty.finished["sample_id"]) == ["V02_5"]
    assert faulty.finished["sha256"].item() == clean.loc["V02_5", "sha256"]
    result = bench("run", "--method", f"{module}:TooFew", "--run", "few")
    assert "V00_0: invalid_output (generate returned a sequence of 0, wanted a list of 1" in (
        result.out
    )


def test_what_concerns_the_whole_run_ends_it(bench, workspace, module):
    result = bench("run", "--method", f"{module}:Refusing")
    assert result.status == 2
    assert result.err == "bench: Features are missing: give -o features=DIR.\n"


def test_repeating_rewrites_nothing_and_another_plan_is_refused_by_name(bench, workspace, module):
    call = ["run", "--method", f"{module}:Noise", "--run", "mine"]
    bench(*call)
    folder = workspace / "runs/drawn-val/mine"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = bench(*call)
    assert (again.status, again.err) == (0, "")
    assert "complete already" in again.out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before

    other = bench(*call, "--seed", 1, "-o", "size=9")
    assert other.status == 2
    assert "holds a finished run of another plan (options.resolved.size 8 → 9, seed 0 → 1)" in (
        other.err
    )
    assert "--name" in other.err
    assert "--overwrite" in other.err
    assert bench(*call, "--seed", 1, "-o", "size=9", "--overwrite").status == 0
    assert load_run(folder).manifest["seed"] == 1

    bench(*call[:-1], "part", "--shard", "1/2")
    unfinished = bench(*call[:-1], "part", "--limit", 3)
    assert unfinished.status == 2
    assert "holds an unfinished run of another plan (limit null → 3)" in unfinished.err


def test_overwriting_one_shard_leaves_the_others_alone(bench, workspace, module):
    call = ["run", "--method", f"{module}:Noise", "--run", "mine", "--batch-size", 1]
    bench(*call, "--shard", "1/2")
    bench(*call, "--shard", "1/2", "--overwrite")
    assert "6 of 6" in bench(*call, "--shard", "2/2", "--overwrite").out


def test_a_folder_that_holds_something_else_is_never_touched(bench, workspace):
    folder = workspace / "photos"
    (folder / "images").mkdir(parents=True)
    (folder / "images/mine.jpg").write_bytes(b"precious")
    for extra in ([], ["--overwrite"]):
        result = bench("run", "--method", "copy-input", "--out", folder, *extra)
        assert result.status == 2
        assert "is not empty and holds no run" in result.err
    assert (folder / "images/mine.jpg").read_bytes() == b"precious"


def test_weights_are_found_hashed_and_refused(bench, workspace, module):
    missing = bench("run", "--method", f"{module}:Weighted")
    assert missing.status == 2
    assert "There are no weights 'noise-weights'" in missing.err
    for name, text in [("noise-weights", b"a"), ("others", b"b")]:
        (workspace / "models" / name).mkdir(parents=True)
        (workspace / "models" / name / "w.bin").write_bytes(text)
    assert bench("run", "--method", f"{module}:Weighted", "--run", "w").status == 0
    weights = load_run(workspace / "runs/drawn-val/w").manifest["weights"]
    assert weights == {"w.bin": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}
    other = bench("run", "--method", f"{module}:Weighted", "--run", "w", "--weights", "others")
    assert "weights.w.bin" in other.err
    near = bench("run", "--method", f"{module}:Weighted", "--weights", "other")
    assert "Did you mean 'others'?" in near.err
    unused = bench("run", "--method", "copy-input", "--weights", "others")
    assert unused.status == 2
    assert "uses no weights" in unused.err


def test_bad_calls_are_one_sentence(bench, workspace, module):
    noise = f"{module}:Noise"
    calls = {
        "Did you mean 'copy-input'?": ["--method", "copy-inptu"],
        "Did you mean 'pause'?": ["--method", noise, "-o", "pausee=1"],
        "option size=0": ["--method", noise, "-o", "size=0"],
        "not of the form key=value": ["--method", noise, "-o", "size"],
        "Known: bfloat16, float16, float32": ["--method", noise, "--dtype", "int4"],
        "There is no device 'gpu'": ["--method", f"{module}:Refusing", "--device", "gpu"],
        "of the form i/n": ["--method", noise, "--shard", "5/4"],
        "no safe file name": ["--method", noise, "--run", "../up"],
        "has no attribute 'Nois'": ["--method", f"{module}:Nois"],
        "not a class derived": ["--method", f"{module}:NotAMethod"],
        "no importable module": ["--method", "absent_module:Noise"],
        "Did you mean 'drawn-val'?": ["--method", noise, "--split", "drwn-val"],
        "no such folder": ["--method", "images:absent"],
        "write images:ARGUMENT": ["--method", "images"],
        "has no descriptions 'tuned'": ["--method", noise, "--descriptions", "tuned"],
    }
    for sentence, call in calls.items():
        result = bench("run", *call)
        assert result.status == 2, call
        assert result.err.startswith("bench: ")
        assert sentence in result.err
        assert result.err.count("\n") == 1
    assert not (workspace / "runs").exists()


def test_a_split_without_frames_is_refused(bench, workspace):
    path = workspace / "splits/drawn-val/split.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"frames_fingerprint": None}))
    result = bench("run", "--method", "copy-input")
    assert result.status == 2
    assert "--times-only" in result.err


def test_dry_run_counts_and_does_nothing(bench, workspace):
    first = bench("run", "--method", "copy-input", "--dry-run")
    assert first.status == 0
    assert "6 images, 0 of them done, 6 to make" in first.out
    assert "time unknown" in first.out
    assert not (workspace / "runs").exists()
    bench("run", "--method", "copy-input")
    later = bench("run", "--method", "copy-input", "--limit", 4, "--run", "few", "--dry-run")
    assert "4 to make" in later.out
    assert "about 0 s" in later.out


def test_finished_images_come_in_unchanged_whatever_their_format(bench, workspace):
    folder = workspace / "theirs"
    folder.mkdir()
    frames = workspace / "splits/drawn-val/frames"
    for number, name in enumerate(["V00_0.jpg", "V01_1.webp", "V02_2.png", "V00_3.png"]):
        frame = Image.open(frames / Path(name).stem / "target.png")
        frame.resize((20 + number, 10)).save(folder / name)
    Image.new("L", (4, 4)).save(folder / "V01_4.png")
    result = bench("run", "--method", "images:theirs")
    assert result.status == 1
    assert "failed: V01_4: unsupported_image (V01_4.png)" in result.out
    assert "failed: V02_5: missing_image (no V02_5.png, .jpg or .webp)" in result.out
    run = load_run(workspace / "runs/drawn-val/images-theirs")
    assert run.method == "images:theirs"
    assert len(run.finished) == 4
    for row in run.finished.itertuples():
        theirs = Image.open(next(folder.glob(f"{row.sample_id}.*")))
        ours = Image.open(run.image_path(row.image))
        assert (ours.format, ours.size) == ("PNG", theirs.size)
        assert ours.tobytes() == theirs.convert("RGB").tobytes()
    Image.new("RGB", (4, 4)).save(folder / "V02_5.png")
    assert "sources.images" in bench("run", "--method", "images:theirs").err


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("lego", "lego"),
        ("images:/data/mine/", "images-mine"),
        ("my.package:Mine", "my.package-Mine"),
        ("images:/data/mit Leerzeichen", "images-mit-Leerzeichen"),
    ],
)
def test_a_run_is_named_after_its_method(method, name):
    assert default_name(method) == name


def test_methods_name_shows_typed_options(bench, workspace, module):
    result = bench("methods", f"{module}:Noise")
    assert result.status == 0
    assert "size   int, ≥ 1, ≤ 64  8    width and height" in result.out
    assert "Did you mean 'images'?" in bench("methods", "image").err


def test_torchrun_itself_ends_with_the_run_s_status(bench, workspace):
    program = Path(sys.executable).with_name("bench")
    call = ["run", "--method", "copy-input", "--batch-size", "1", "--name"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launched = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", "--no-python", program, *call, "launched"],
        capture_output=True,
        text=True,
    )
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.count("6 of 6 images") == 1
    bench(*call, "whole")
    runs = workspace / "runs/drawn-val"
    assert contents(runs / "launched") == contents(runs / "whole")
