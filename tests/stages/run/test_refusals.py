"""Invalid calls of the stage run, and their messages."""

import json

from egoactgen_bench.artifacts.runs import load_run


def test_an_error_of_the_whole_run_ends_it(bench, workspace, module):
    result = bench("run", "--method", f"{module}:Refusing")
    assert result.status == 2
    assert result.err == "bench: Features are missing: give -o features=DIR.\n"


def test_a_folder_with_other_files_is_never_changed(bench, workspace):
    folder = workspace / "photos"
    (folder / "images").mkdir(parents=True)
    (folder / "images/mine.jpg").write_bytes(b"precious")
    for extra in ([], ["--overwrite"]):
        result = bench("run", "--method", "copy-input", "--out", folder, *extra)
        assert result.status == 2
        assert "is not empty and contains no run" in result.err
    assert (folder / "images/mine.jpg").read_bytes() == b"precious"


def test_weights_are_found_hashed_and_checked(bench, workspace, module):
    missing = bench("run", "--method", f"{module}:Weighted")
    assert missing.status == 2
    assert "Unknown weights 'noise-weights'" in missing.err
    for name, text in [("noise-weights", b"a"), ("others", b"b")]:
        (workspace / "models" / name).mkdir(parents=True)
        (workspace / "models" / name / "w.bin").write_bytes(text)
    assert bench("run", "--method", f"{module}:Weighted", "--run", "w").status == 0
    weights = load_run(workspace / "runs/drawn-val/w").manifest.weights
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
        "does not have the form key=value": ["--method", noise, "-o", "size"],
        "Known: auto, bfloat16, float16, float32": ["--method", noise, "--dtype", "int4"],
        "Unknown device 'gpu'": ["--method", f"{module}:Refusing", "--device", "gpu"],
        "have the form i/n": ["--method", noise, "--shard", "5/4"],
        "is not a safe file name": ["--method", noise, "--run", "../up"],
        "has no class 'Nois'. Did you mean 'Noise'?": ["--method", f"{module}:Nois"],
        "not a class derived": ["--method", f"{module}:NotAMethod"],
        "no importable module": ["--method", "absent_module:Noise"],
        "Did you mean 'drawn-val'?": ["--method", noise, "--split", "drwn-val"],
        "folder not found": ["--method", "images:absent"],
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
