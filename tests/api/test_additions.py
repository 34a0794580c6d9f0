"""Each kind of plug-in added from outside the repository: the files of docs/plugins.md.

Each is used as `module:Class`, and again by its name, registered by its one entry-point line.
"""

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.numpy import load_file

import plugin_guide
from dataset_contract import check_dataset
from drawn_split import write_drawn_split
from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.stages.prepare.split_plan import open_dataset
from egoactgen_lego.features.conditioning_names import GROUP, kinds_of
from method_contract import CHECKS
from plugin_contract import check_commands, check_declared

GUIDE = plugin_guide.sections()
ROLES = ("input", "target")
CHANNELS = np.array([0.2126, 0.7152, 0.0722], np.float32)


def write_video(path):
    """Two seconds at 10 frames per second, the first second black, the second one white."""
    path.parent.mkdir()
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        for number in range(20):
            picture = np.full((48, 64, 3), 255 * (number >= 10), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def test_a_data_set(outside, tmp_path):
    section = outside.write("A data set")
    write_video(outside.folder / "videos/kitchen.mp4")
    table = outside.folder / "diary.csv"
    table.write_text("video,start,end,action\nkitchen,0.5,1.5,open drawer\nkitchen,1,2,\n")
    for command in section.commands:
        outside.run(command)
    split = load_split(tmp_path / "workspace/splits/diary-val")
    [sample] = split.samples.to_dict("records")
    assert (sample["sample_id"], sample["t_input"], sample["t_target"]) == ("kitchen_1", 0.25, 1.1)
    levels = [np.asarray(Image.open(split.frame_path(sample[f"{r}_frame"]))).mean() for r in ROLES]
    assert levels[0] < 10 and levels[1] > 245
    assert split.manifest.counts.by_reason == {"no_action": 1}
    assert split.manifest.egovlp == "16-frame"
    outside.run("bench run --method copy-input")
    assert "epic_mir_plus.pth" in outside.bench("score", "--metrics", "egovlp").err

    outside.install(section)
    assert (
        "diary          Actions in videos, listed in a CSV table."
        in outside.run("bench datasets").out
    )
    outside.run("bench prepare-splits diary --annotations diary.csv --videos videos --name again")
    again = load_split(tmp_path / "workspace/splits/again")
    assert again.manifest.frames_fingerprint == split.manifest.frames_fingerprint
    with table.open("a") as stream:
        stream.write("absent,1,2,take mug\n")
    place = (table, outside.folder / "videos")
    clips = check_dataset(lambda: open_dataset("diary", *place))
    with pytest.raises(SampleError, match="missing_video"):
        open_dataset("diary", *place).locate(clips[-1])
    check_declared("datasets", "diary", plugins.find("datasets", "diary"))


def test_a_method(outside, drawn_split, tmp_path):
    section = outside.write("A method")
    for command in section.commands:
        outside.run(command)
    first = load_run(tmp_path / "workspace/runs/drawn-val/darker")
    made = Image.open(first.image_path(first.samples["image"][0]))
    given = Image.open(drawn_split / "frames" / first.samples["sample_id"][0] / "input.png")
    assert made.getpixel((5, 5)) == tuple(int(0.8 * level) for level in given.getpixel((5, 5)))

    outside.install(section, GUIDE[""].entry_points)
    assert "darker      The input frame, darker.\n" in outside.run("bench methods").out
    outside.run("bench run --method darker --name again -o light=0.8")
    again = load_run(tmp_path / "workspace/runs/drawn-val/again")
    assert list(again.samples["sha256"]) == list(first.samples["sha256"])
    for check in CHECKS:
        call = {"method": "darker", "device": "cpu"}
        check(call, load_split(drawn_split), tmp_path / check.__name__)
    check_declared("methods", "darker", plugins.find("methods", "darker"))


def test_a_trainer_and_its_method(outside, drawn_split, tmp_path):
    write_drawn_split(drawn_split.with_name("drawn-train"), count=5, subset="train")
    section = outside.write("A trainer")
    for command in section.commands:
        outside.run(command)
    models = tmp_path / "workspace/models"
    change = np.array(pd.read_json(models / "exposure/change.json")[0])
    run = load_run(tmp_path / "workspace/runs/drawn-val/exposure")
    made = np.asarray(Image.open(run.image_path(run.samples["image"][0])))
    frame = drawn_split / "frames" / run.samples["sample_id"][0] / "input.png"
    given = np.clip(np.asarray(Image.open(frame)) + change, 0, 255).astype(np.uint8)
    assert np.array_equal(made, given)
    assert list(run.manifest.weights) == ["change.json"]

    outside.install(section)
    assert "exposure     The mean change of each channel" in outside.run("bench trainers").out
    outside.run("bench train exposure --name again")
    first, again = (models / name / "change.json" for name in ("exposure", "again"))
    assert first.read_bytes() == again.read_bytes()
    check_declared("trainers", "exposure", plugins.find("trainers", "exposure"))


def test_a_converter(outside):
    section = outside.write("A converter")
    np.savez(outside.folder / "checkpoint.npz", weight=CHANNELS)
    refused = outside.bench("models", "convert", "checkpoint.npz", "--out", "converted")
    assert refused.status == 2
    outside.install(section)
    for command in section.commands:
        outside.run(command)
    assert load_file("converted/model.safetensors")["weight"].tolist() == CHANNELS.tolist()
    assert (
        "npz               A checkpoint in NumPy's .npz format."
        in outside.run("bench converters").out
    )
    check_declared("converters", "npz", plugins.find("converters", "npz"))


def test_a_command_group(outside, drawn_split):
    section = outside.write("A command group")
    assert outside.bench("kitchen", "count", "drawn-val").status == 2
    outside.install(section)
    (command,) = section.commands
    assert outside.run(command).out == "6\n"
    assert "Look at kitchens." in outside.run("bench --help").out
    check_commands(plugins.find("commands", "kitchen"))


def test_a_feature_kind(outside):
    """tests/lego/test_feature_kinds.py trains on one, and runs it."""
    section = outside.write("A feature kind of LEGO")
    assert [kind.name for kind in kinds_of("joint+depth:Depth")] == ["image", "text", "depth"]
    outside.install(section)
    assert [kind.name for kind in kinds_of("joint+depth")] == ["image", "text", "depth"]
    check_declared(GROUP, "depth", plugins.find(GROUP, "depth"))


@pytest.mark.parametrize(
    ("words", "base"),
    [
        (("prepare-splits", "darker:Darker"), "Dataset"),
        (("run", "--method", "darker:DarkerOptions"), "Method"),
        (("score", "--metrics", "darker:Darker"), "Metric"),
        (("train", "darker:Darker", "--split", "drawn-val"), "Trainer"),
    ],
)
def test_a_class_of_the_wrong_kind_is_rejected(outside, runs, words, base):
    outside.write("A method")
    refused = outside.bench(*words)
    (name,) = (word for word in words if word.startswith("darker:"))
    wanted = f"bench: '{name}' is not a class derived from egoactgen_bench.api.{base}.\n"
    assert (refused.status, refused.err) == (2, wanted)


def test_the_page_shows_every_kind():
    assert plugin_guide.PAGE.count("```python\n") == 8
    groups = (*(f"egoactgen_bench.{kind}" for kind in plugins.KINDS), GROUP)
    assert all(f"`{group}`" in GUIDE[""].text for group in groups)
