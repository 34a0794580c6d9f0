"""`bench imagine`: images, grid and manifest of several actions in one context."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.options import Options
from egoactgen_bench.errors import BenchError
from egoactgen_bench.presentation.grid import GAP, HEIGHT, MARGIN, Card, draw_grid
from egoactgen_bench.stages.imagine.contexts import context_of_image
from egoactgen_bench.stages.imagine.imagine_actions import imagine

ACTIONS = ("--action", "open drawer", "--action", "take knife")


class Flat(Method):
    """Generates flat images of the seed's colour; fails on knives."""

    def generate(self, requests):
        if any("knife" in request.action for request in requests):
            raise ValueError("no knives")
        return [Image.new("RGB", (64, 64), (request.seed % 251, 9, 9)) for request in requests]


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_label_of_the_sample_gets_the_image_of_a_run(bench, drawn_split, tmp_path):
    options = ("--method", "ip2p", "--weights", "toy", "-o", "steps=1")
    assert bench("imagine", "V00_0", *ACTIONS, *options, "--out", tmp_path / "made").status == 0
    made = files(tmp_path / "made")
    assert set(made) == {
        "01-open-drawer.png", "02-take-knife.png", "grid.png", "imagine.json", "input.png"
    }  # fmt: skip
    bench("run", *options, "--limit", 1, "--out", tmp_path / "run")
    paths = tmp_path / "made" / "01-open-drawer.png", tmp_path / "run" / "images" / "V00_0.png"
    ours, run = (np.asarray(Image.open(path)).astype(int) for path in paths)
    assert np.abs(ours - run).max() <= 1  # another batch size may move a pixel by one level
    bench("imagine", "V00_0", *ACTIONS, *options, "--out", tmp_path / "again")
    assert files(tmp_path / "again") == made


def test_image_file_as_context(bench, tmp_path):
    sideways = Image.effect_noise((60, 90), 80).convert("L")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° when shown
    sideways.save(tmp_path / "My kitchen.jpg", exif=exif)
    texts = ("--description", "a hand pulls the handle", "--description", "")
    called = ("imagine", tmp_path / "My kitchen.jpg", *ACTIONS, "--method", "copy-input")
    result = bench(*called, *texts)
    folder = tmp_path / "workspace" / "imagined" / "my-kitchen" / "copy-input"
    assert result.status == 0
    assert str(folder / "grid.png") in result.out
    with Image.open(folder / "input.png") as seen:
        assert (seen.size, seen.mode) == ((384, 256), "RGB")
    frames = json.loads((folder / "imagine.json").read_text())["frames"]
    assert [frame["description"] for frame in frames] == ["a hand pulls the handle", ""]
    before = files(folder)
    fewer = bench(*called[:4], *called[-2:])
    assert fewer.status == 2
    assert "contains a finished set of imagined frames with other settings" in fewer.err
    assert files(folder) == before
    assert bench(*called[:4], *called[-2:], "--overwrite").status == 0
    assert set(files(folder)) == {  # one action less: its image was removed
        "01-open-drawer.png", "grid.png", "imagine.json", "input.png"
    }  # fmt: skip


def test_failing_action_does_not_affect_the_others(tmp_path):
    Image.new("RGB", (90, 60)).save(tmp_path / "a.png")
    context = context_of_image(tmp_path / "a.png")
    method = Flat(Options(), MethodContext())
    made = imagine("flat", method, context, ["open drawer", "take knife"], tmp_path / "out")
    assert [frame.action for frame in made.failed] == ["take knife"]
    detail = r"ValueError: no knives \(test_imagine\.py, line \d+\)"
    assert re.fullmatch(detail, made.failed[0].detail)
    assert (tmp_path / "out" / "01-open-drawer.png").is_file()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (["V00_9", *ACTIONS], "nor a sample of split 'drawn-val'. Did you mean 'V0"),
        (
            ["missing.jpg", *ACTIONS],
            "missing.jpg does not exist: name an image, or a sample of a split.",
        ),
        (["V00_0", *ACTIONS, "--description", "x"], "2 --action and 1 --description"),
        (["V00_0", *ACTIONS, *ACTIONS], "'open drawer' is given twice"),
        (["V00_0", "--action", " "], "An --action is empty"),
    ],
)
def test_invalid_calls_are_refused_in_one_sentence(bench, drawn_split, call, sentence):
    result = bench("imagine", *call, "--method", "copy-input")
    assert result.status == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_file_that_is_not_an_image(tmp_path):
    (tmp_path / "a.jpg").write_text("not an image")
    with pytest.raises(BenchError, match="is not a readable image"):
        context_of_image(tmp_path / "a.jpg")


def test_grid_shows_whole_images_at_the_aspect_ratio_of_the_context():
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    grid = np.asarray(draw_grid([Card(red, "input"), Card(blue, "a " * 200)], (96, 64)))
    width = HEIGHT * 96 // 64
    for index, colour in enumerate(([255, 0, 0], [0, 0, 255])):
        left = MARGIN + index * (width + GAP)
        assert (grid[MARGIN : MARGIN + HEIGHT, left : left + width] == colour).all()
    below = grid[MARGIN + HEIGHT :, MARGIN + 2 * width + GAP :]
    assert (below == 255).all()  # the long title is wrapped
    assert grid.shape[1] == 2 * MARGIN + 2 * width + GAP
