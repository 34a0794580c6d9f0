"""Training on several splits together: what is drawn, read, recorded and refused."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from drawn_split import write_drawn_split
from egoactgen_bench.artifacts.joint_splits import join
from egoactgen_bench.artifacts.splits import fingerprint, frames_fingerprint, load_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.finetuning.sample_draws import Mixture, mixed_draws
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import write_csv, write_json

WIDTH = 12
OPTIONS = {
    "init": untrained_weights.NAME,
    "size": 32,
    "iterations": 2,
    "batch_size": 4,
    "flip": 0,
}


def renamed(folder, count, prefix, subset="train"):
    """A drawn split whose sample ids begin with `prefix`."""
    write_drawn_split(folder, count, subset=subset)
    samples = load_split(folder).samples.copy()
    for sample_id in samples["sample_id"]:
        (folder / "frames" / sample_id).rename(folder / "frames" / f"{prefix}{sample_id}")
    for role in ("input", "target"):
        cells = samples[f"{role}_frame"].str.replace("frames/", f"frames/{prefix}")
        samples[f"{role}_frame"] = cells
    samples["sample_id"] = prefix + samples["sample_id"]
    write_csv(folder / "samples.csv", samples)
    manifest = json.loads((folder / "split.json").read_text())
    prints = {
        "fingerprint": fingerprint(samples),
        "frames_fingerprint": frames_fingerprint(samples),
    }
    write_json(folder / "split.json", manifest | prints)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A workspace with the splits `kitchen` (4 samples) and `workshop` (2)."""
    root = tmp_path_factory.mktemp("workspace")
    for name, count in (("kitchen", 4), ("workshop", 2)):
        split = renamed(root / "splits" / name, count, name[0])
        ids = load_split(split).samples["sample_id"]
        (split / "descriptions").mkdir()
        texts = pd.DataFrame({"sample_id": ids, "description": [f"a hand in the {name}"] * count})
        write_csv(split / "descriptions" / "own.csv", texts)
        for kind, tokens in (("image", 5), ("text", 3)):
            folder = root / "features" / name / kind
            folder.mkdir(parents=True)
            for number, sample_id in enumerate(ids):
                drawn = np.random.default_rng([number, tokens]).standard_normal((tokens, WIDTH))
                np.save(folder / f"{sample_id}.npy", drawn.astype(np.float16))
    return root


def words(root, *splits, **options):
    options = OPTIONS | {"features": root / "features"} | options
    found = ["train", "lego", "-w", root, "--device", "cpu", "--descriptions", "own"]
    found += [word for split in splits for word in ("--split", split)]
    return found + [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def test_lego_trains_on_several_splits_with_weights(root, bench):
    result = bench(*words(root, "workshop=1,kitchen=0.5"))
    assert result.status == 0, result.err
    folder = root / "models" / "lego-kitchen_workshop"
    trained = json.loads((folder / "train.json").read_text())
    assert trained["split"] == "kitchen_workshop"
    assert trained["subset"] == "train"
    kitchen, workshop = (load_split(root / "splits" / name) for name in ("kitchen", "workshop"))
    assert [each["name"] for each in trained["splits"]] == ["kitchen", "workshop"]
    assert [each["weight"] for each in trained["splits"]] == [1, 2]
    assert [each["fingerprint"] for each in trained["splits"]] == [
        kitchen.fingerprint,
        workshop.fingerprint,
    ]
    assert trained["counts"]["used"] == 6
    assert trained["counts"]["shares"] == {"kitchen": 0.333333, "workshop": 0.666667}
    assert {"features of kitchen", "features of workshop"} <= trained["sources"].keys()
    # The order in which the splits are named does not matter, other weights do.
    assert "already complete" in bench(*words(root, "kitchen=1", "workshop=2")).out
    other = bench(*words(root, "kitchen,workshop"))
    assert other.status == 2
    assert "splits" in other.err


@pytest.mark.parametrize(
    ("splits", "sentence"),
    [
        (["kitchen", "kitchen"], "Split 'kitchen' is given twice."),
        (["kitchen=2"], "--split: give a weight to each of several splits, or to none."),
        (["kitchen=2", "workshop"], "--split: give a weight to each of several splits"),
        (["kitchen=0", "workshop=1"], "The weights of splits are numbers above zero"),
        (["kitchen=x", "workshop=1"], "The weights of splits are numbers above zero"),
        (["kitchen=1", "workshop=12345.6"], "too fine"),
        (["kitchen", "val"], "Split 'val' is not a training split"),
        (["kitchen", "copy"], "Sample 'kV00_0' is in split 'copy' and in 'kitchen'"),
        (["kitchen", "bare"], "Split 'bare' has no descriptions 'own'"),
        (["kitchen", "described"], "Split 'described' has no features in"),
    ],
)
def test_splits_that_do_not_fit_are_refused(root, bench, splits, sentence):
    for name, prefix, subset in (
        ("val", "v", "val"),
        ("copy", "k", "train"),
        ("bare", "b", "train"),
        ("described", "d", "train"),
    ):
        folder = root / "splits" / name
        if not folder.exists():
            renamed(folder, 1, prefix, subset)
            if name == "described":
                (folder / "descriptions").mkdir()
                table = pd.DataFrame({"sample_id": ["dV00_0"], "description": ["a hand"]})
                write_csv(folder / "descriptions" / "own.csv", table)
    result = bench(*words(root, *splits))
    assert result.status == 2
    assert sentence in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_what_is_trained_on_one_split_refuses_several(root, bench):
    result = bench("train", "sdedit", "-w", root, "--split", "kitchen,workshop")
    assert result.status == 2
    assert "sdedit is trained on one split: give one --split." in result.err


def test_a_joint_split_reads_the_frames_of_its_parts(root):
    parts = [load_split(root / "splits" / name) for name in ("workshop", "kitchen")]
    joint = join(parts)
    assert joint.name == "kitchen_workshop"
    assert joint.weights is None
    for row in joint.samples.to_dict("records"):
        path = joint.frame_path(row["input_frame"])
        assert path.parent.name == row["sample_id"]
        assert path.is_file()
    with pytest.raises(BenchError, match="is not a file in it"):
        joint.frame_path("kitchen/../workshop/samples.csv")
    assert join(parts, [0.2, 0.6]).weights == (3, 1)


def test_weights_are_the_shares_of_draws_and_each_part_has_its_own_epochs():
    mixture = Mixture(sizes=(5, 3), weights=(2, 1))
    draws = list(mixed_draws(7, 0, range(30), mixture))
    assert Counter(draw.sample < 5 for draw in draws) == {True: 20, False: 10}
    for start in range(0, 30, 3):  # exactly, in every three draws
        assert sum(draw.sample < 5 for draw in draws[start : start + 3]) == 2
    first = [draw.sample for draw in draws if draw.sample < 5]
    assert [sorted(first[n : n + 5]) for n in range(0, 20, 5)] == [[0, 1, 2, 3, 4]] * 4
    assert len({tuple(first[n : n + 5]) for n in range(0, 20, 5)}) > 1
    again = [each for n in range(30) for each in mixed_draws(7, 0, range(n, n + 1), mixture)]
    assert again == draws
