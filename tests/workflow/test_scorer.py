"""`Scorer` gives the values of `bench score` for images in memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import egoactgen_bench as bench
from egoactgen_bench import BenchError, Scorer, compare
from egoactgen_bench.support.images import read_rgb

COUNT = 5
SHARES = "psnr,fid"  # fast ones: a metric per sample and a metric of a set


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A toy split, a run of shifted input frames, and its scores by every metric."""
    folder = tmp_path_factory.mktemp("scorer")
    split = bench.prepare("toy-kitchen", limit=COUNT, workspace=folder, name="few")
    images = folder / "shifted"
    images.mkdir()
    for sample_id, frame in zip(split.samples["sample_id"], frames(split, "input"), strict=True):
        moved = np.roll(np.asarray(frame), 5, axis=1)
        Image.fromarray(moved[:, :-20]).save(images / f"{sample_id}.png")  # another size
    run = bench.run(f"images:{images}", split, name="shifted")
    with pytest.warns(UserWarning, match="biased"):
        scores = bench.score(split, run, device="cpu")
    return split, run, scores


def frames(split, role):
    return [read_rgb(split.frame_path(name)) for name in split.samples[f"{role}_frame"]]


def everything(split, run):
    """The arguments of `update`."""
    ids = list(split.samples["sample_id"])
    truth, boxes = split.truth(), split.boxes()
    return {
        "outputs": [read_rgb(run.image_path(name)) for name in run.samples["image"]],
        "targets": frames(split, "target"),
        "inputs": frames(split, "input"),
        "actions": list(split.samples["action"]),
        "truths": [truth[sample_id] for sample_id in ids],
        "boxes": [boxes[sample_id] for sample_id in ids],
        "ids": ids,
    }


def parts(arguments, size):
    for start in range(0, COUNT, size):
        yield {name: value[start : start + size] for name, value in arguments.items()}


def test_every_metric_to_the_last_digit_whatever_the_batches(scored):
    split, run, scores = scored
    expected = scores.summary.iloc[0]
    scorer = Scorer(list(scores.metrics), dataset=split, device="cpu", batch_size=2)
    for part in parts(everything(split, run), 3):
        scorer.update(**part)
    values = scorer.compute()
    assert values == {name: expected[name] for name in scores.metrics}
    assert len(values) >= 10
    table = scorer.table().set_index(["metric", "sample_id"])
    kept = scores.values.astype({"metric": str, "sample_id": str}).set_index(
        ["metric", "sample_id"]
    )
    assert (table["value"].sort_index() == kept["value"].sort_index()).all()
    # Those of a split also name its boxes.
    signatures = kept["signature"].astype(str).str.replace(r"\|boxes:[0-9a-f]{12}", "", regex=True)
    assert (table["signature"].sort_index() == signatures.sort_index()).all()
    assert scorer.errors().empty


def as_arrays(images):
    return np.stack([np.asarray(image) for image in images])


def as_tensor(images):
    return torch.from_numpy(as_arrays(images)).movedim(-1, 1)


FORMS = {
    "PIL images": (lambda images: images, None),
    "an array": (as_arrays, None),
    "arrays": (lambda images: list(as_arrays(images)), None),
    "a tensor": (as_tensor, None),
    "floats in [0, 1]": (lambda images: as_arrays(images) / 255, "unit"),
    "a float tensor": (lambda images: as_tensor(images) / 255, "unit"),
    "floats in [-1, 1]": (lambda images: as_tensor(images) / 127.5 - 1, "signed"),
}


@pytest.mark.parametrize("form", FORMS)
def test_images_in_every_form(scored, form):
    split, run, scores = scored
    convert, value_range = FORMS[form]
    given = everything(split, run)
    values = compare(
        convert(given["outputs"]),
        convert(given["targets"]),
        SHARES,
        dataset=split,
        value_range=value_range,
        device="cpu",
    )
    assert values == {name: scores.summary[name][0] for name in ("fid", "psnr")}


def test_one_image_and_half_precision():
    grey = torch.full((3, 8, 8), 0.5)
    same = compare(grey, grey.half(), "psnr", value_range="unit", device="cpu")
    assert same == {"psnr": float("inf")}
    other = compare(grey.bfloat16(), grey + 0.1, "psnr", value_range="unit", device="cpu")
    expected = 20 * np.log10(255 / (round(0.6 * 255) - round(0.5 * 255)))
    assert other["psnr"] == pytest.approx(expected)


def test_ranges_are_stated_and_never_guessed():
    one = np.full((4, 4, 3), 0.25)
    for outputs, choices, sentence in (
        (one, {}, "range is not guessed: pass value_range='unit'"),
        (one * 8, {"value_range": "unit"}, r"values from 2 to 2, outside of \[0, 1\]"),
        (one - 1, {"value_range": "unit"}, r"outside of \[0, 1\]"),
        (one * 8, {"value_range": "signed"}, r"outside of \[-1, 1\]"),
        (one, {"value_range": "0..1"}, "use 'unit' or 'signed'"),
        (one.astype(int), {}, "values of type int64: pass uint8, or floats"),
        (one.transpose(2, 0, 1), {"value_range": "unit"}, r"an array of shape \(3, 4, 4\)"),
        (torch.zeros(4, 4, 3), {"value_range": "unit"}, r"a tensor of shape \(4, 4, 3\)"),
        (Image.new("L", (4, 4)), {}, "mode L: convert it to RGB"),
        ([one[None]], {"value_range": "unit"}, "expected single images"),
        ("image.png", {}, "outputs is a str"),
        (None, {}, "outputs is a NoneType"),
    ):
        with pytest.raises(BenchError, match=sentence):
            compare(outputs, one.astype(np.uint8), "psnr", device="cpu", **choices)


def test_an_image_with_nan_costs_its_own_sample():
    good = np.full((2, 4, 4, 3), 0.25, np.float32)
    bad = good.copy()
    bad[1, 0, 0, 0] = np.nan
    scorer = Scorer("psnr", value_range="unit", device="cpu")
    scorer.update(bad, good + 0.1, ids=["a", "b"])
    scorer.update(good, bad + 0.1, ids=["c", "d"])
    assert list(scorer.table()["sample_id"]) == ["a", "c"]
    errors = scorer.errors()
    assert list(errors["sample_id"]) == ["b", "d"]
    assert list(errors["code"]) == ["not_finite", "target_not_finite"]
    assert np.isfinite(scorer.compute()["psnr"])


def test_arguments_that_do_not_fit(scored):
    split, *_ = scored
    image = Image.new("RGB", (8, 8))
    scorer = Scorer("psnr,egovlp_plus", dataset=split, device="cpu")
    with pytest.raises(BenchError, match="egovlp_plus needs the samples' input: pass inputs="):
        scorer.update(image, image)
    with pytest.raises(BenchError, match="targets has 2 samples, but outputs has 1"):
        scorer.update(image, [image, image], image)
    assert len(scorer) == 0
    scorer.update(image, image, image, ids=[7])
    with pytest.raises(BenchError, match="sample '7' was added before: call reset"):
        scorer.update(image, image, image, ids=[7])
    with pytest.raises(BenchError, match="pass ids= always or never"):
        scorer.update(image, image, image)
    scorer.reset()
    scorer.update(image, image, image)
    assert len(scorer) == 1
    with pytest.raises(BenchError, match=r"Unknown metric 'psnt'\. Did you mean 'psnr'"):
        Scorer("psnt")
    with pytest.raises(BenchError, match="Unknown dataset 'ego5d'"):
        Scorer("psnr", dataset="ego5d")


def test_too_few_samples_of_a_set_have_no_value(scored):
    split, *_ = scored
    scorer = Scorer("fid,psnr", dataset=split, device="cpu")
    image = Image.new("RGB", (8, 8))
    assert all(np.isnan(list(scorer.compute().values())))
    assert scorer.table().empty
    scorer.update(image, image)
    assert np.isnan(scorer.compute()["fid"])
    assert list(scorer.errors()["code"]) == ["too_few_samples"]


def test_a_data_set_declares_its_defaults():
    weights = {"weights": Path(bench.__file__).parent / "toy/metric_weights"}
    for name in (None, "ego4d", "toy-kitchen"):
        metric = Scorer("egovlp", dataset=name, device="cpu", **weights).metrics[0]
        assert metric.options.clip_length == "4-frame"
    # No toy version of the 16-frame checkpoint exists.
    with pytest.raises(BenchError, match="egovlp needs epic_mir_plus"):
        Scorer("egovlp", dataset="epic-kitchens", device="cpu", **weights)
    with pytest.raises(BenchError, match="depend on its annotations: pass dataset=split"):
        Scorer("psnr", dataset="lego-release", device="cpu")


def test_weights_that_are_missing_are_named(tmp_path):
    with pytest.raises(BenchError, match="lpips needs squeezenet1_1"):
        Scorer("lpips", workspace=tmp_path, device="cpu")


PROCESS = """
import sys
from torch import distributed
import egoactgen_bench as bench
from egoactgen_bench.support.images import read_rgb

distributed.init_process_group("gloo")
rank = distributed.get_rank()
split = bench.load_split("few", workspace=sys.argv[1])
run = bench.load_run("shifted", split=split, workspace=sys.argv[1])
ids = list(split.samples["sample_id"])
# As torch's DistributedSampler: every second sample, and the first again to fill up.
own = (list(range(len(ids))) + [0])[rank::2]
scorer = bench.Scorer("psnr,fid", dataset=split, device="cpu")
try:
    scorer.update(read_rgb(split.frame_path(split.samples["target_frame"][0])),
                  read_rgb(split.frame_path(split.samples["target_frame"][0])))
except bench.BenchError as error:
    assert "pass ids=" in str(error), error
scorer.update(
    [read_rgb(run.image_path(run.samples["image"][i])) for i in own],
    [read_rgb(split.frame_path(split.samples["target_frame"][i])) for i in own],
    ids=[ids[i] for i in own],
)
values = scorer.compute()
print(f"{rank} {values['psnr']!r} {values['fid']!r} {len(scorer.table())}\\n", end="", flush=True)
distributed.destroy_process_group()
"""


def test_two_processes(scored, tmp_path):
    split, _, scores = scored
    script = tmp_path / "process.py"
    script.write_text(PROCESS)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*launch, script, split.folder.parents[1]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = f"{scores.summary['psnr'][0]!r} {scores.summary['fid'][0]!r} {COUNT + 1}"
    expected = expected.replace("np.float64(", "").replace(")", "")
    found = done.stdout.replace("np.float64(", "").replace(")", "")
    assert sorted(found.split("\n")[:-1]) == [f"0 {expected}", f"1 {expected}"]


def test_table_is_pandas(scored):
    split, *_ = scored
    assert isinstance(Scorer("psnr", dataset=split, device="cpu").table(), pd.DataFrame)
