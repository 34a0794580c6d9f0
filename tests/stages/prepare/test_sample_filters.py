"""The optional filters of prepare-splits, on a drawn video whose frames blur, stay and change."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import laplace

from egoactgen_bench.api.records import FrameSource
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.stages.prepare.prepare_options import PrepareOptions
from egoactgen_bench.stages.prepare.sample_filters import (
    NO_FILTERS,
    SampleFilters,
    sharpness,
    similarity,
)
from egoactgen_bench.support.files import read_csv

FPS, SIZE = 10, (160, 90)
FILTERS = ("--min-sharpness", "0.5", "--min-similarity", "0.3", "--max-similarity", "0.97")
ROWS = [  # t_input = start − 0.25, t_target = start + 0.6
    "kept,P01_1,00:00:01.00,00:00:02.00,take mug,take,mug",
    "blurred,P01_1,00:00:03.00,00:00:04.00,cut leek,cut,leek",
    "unchanged,P01_1,00:00:05.00,00:00:06.00,wash cup,wash,cup",
    "unrelated,P01_1,00:00:07.00,00:00:08.00,open door,open,door",
]


def scene(seed: int, hand: bool = False) -> Image.Image:
    """Coloured fields with fine texture, and a hand that covers a part of them."""
    source = np.random.default_rng(seed)
    fields = np.kron(source.integers(0, 200, (6, 8, 1)), np.ones((15, 20, 3)))
    pixels = fields + source.integers(0, 56, (90, 160, 1))
    if hand:
        pixels[40:, 60:110] = 230
    return Image.fromarray(pixels.astype(np.uint8))


def frame(number: int) -> Image.Image:
    time = number / FPS
    image = scene(2 if time >= 7 else 1, hand=1.2 <= time < 2 or 3.2 <= time < 4)
    return image.filter(ImageFilter.GaussianBlur(4)) if time == 3.6 else image


@pytest.fixture(scope="module")
def epic(tmp_path_factory) -> tuple[object, ...]:
    folder = tmp_path_factory.mktemp("epic")
    columns = "narration_id,video_id,start_timestamp,stop_timestamp,narration,verb,noun"
    annotations = folder / "EPIC_100_validation.csv"
    annotations.write_text("\n".join([columns, *ROWS]) + "\n")
    video = folder / "videos/P01/videos/P01_1.MP4"
    video.parent.mkdir(parents=True)
    with av.open(video, "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(90):
            container.mux(stream.encode(av.VideoFrame.from_image(frame(number))))
        container.mux(stream.encode())
    return "epic-kitchens", "--annotations", annotations, "--videos", folder / "videos"


def rejections(folder: Path) -> dict[str, str]:
    table = read_csv(folder / "rejected.csv", dtype=str)
    return dict(zip(table["row"], table["reason"], strict=True))


def test_each_filter_rejects_with_its_own_reason(bench, epic, tmp_path):
    call = ("prepare-splits", *epic, "--size", 64, "--workers", 1)
    result = bench(*call, *FILTERS)
    assert result.status == 0, result.err
    folder = tmp_path / "workspace/splits/epic-kitchens-val"
    split = load_split(folder)
    assert list(split.samples["sample_id"]) == ["kept"]
    assert rejections(folder) == {name: name for name in ("blurred", "unchanged", "unrelated")}
    assert [path.name for path in (folder / "frames").iterdir()] == ["kept"]
    details = split.rejected.set_index("reason")["detail"]
    assert "target: 0." in details["blurred"]
    assert "within 0.5 s, less than 0.5" in details["blurred"]
    assert details["unchanged"] == "similarity of input and target 1.000, more than 0.97"
    assert split.manifest.counts.by_reason == {"blurred": 1, "unchanged": 1, "unrelated": 1}
    filters = split.manifest.recipe["filters"]
    assert filters == {
        "min_sharpness": 0.5,
        "sharpness_window": 0.5,
        "min_similarity": 0.3,
        "max_similarity": 0.97,
        "sharpness": "variance of the Laplacian at 456 × 256, as a share of the largest of 6 "
        "neighbours",
        "similarity": "correlation of the grey values at 56 × 32",
    }
    assert bench("verify", folder).status == 0

    again = bench(*call, *FILTERS)  # what a filter rejects is not tried again
    assert (again.status, "already complete" in again.out) == (0, True)
    other = bench(*call)
    assert other.status == 2
    assert "other settings (recipe.filters.min_sharpness 0.5 → null" in other.err


def test_without_filters_all_are_kept_and_nothing_is_recorded(bench, epic, tmp_path):
    assert bench("prepare-splits", *epic, "--size", 64, "--workers", 1).status == 0
    split = load_split(tmp_path / "workspace/splits/epic-kitchens-val")
    assert len(split.samples) == 4
    assert split.manifest.recipe.keys() == {
        *("times_only", "size", "limit", "annotations", "t_input", "t_target", "source")
    }


def test_kept_frames_are_those_of_an_unfiltered_split(bench, epic, tmp_path):
    call = ("prepare-splits", *epic, "--size", 64)
    assert bench(*call, "--name", "all").status == 0
    assert bench(*call, "--name", "some", "--max-similarity", "0.97", "--workers", 2).status == 0
    splits = [load_split(tmp_path / "workspace/splits" / name) for name in ("all", "some")]
    assert list(splits[1].samples["sample_id"]) == ["kept", "blurred", "unrelated"]
    hashes = [split.samples.set_index("sample_id")["target_sha256"] for split in splits]
    assert hashes[1].to_dict().items() <= hashes[0].to_dict().items()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--times-only", *FILTERS), "--times-only does not read: leave out one of them"),
        (
            ("--min-similarity", "0.9", "--max-similarity", "0.5"),
            "--min-similarity 0.9 is larger than --max-similarity 0.5",
        ),
        (("--max-similarity=-1",), "The filters reject all 4 samples of epic-kitchens-val: "),
    ],
)
def test_filters_that_cannot_work_are_refused(bench, epic, tmp_path, options, sentence):
    result = bench("prepare-splits", *epic, "--workers", 1, *options)
    assert result.status == 2
    assert sentence in result.err
    assert not (tmp_path / "workspace/splits/epic-kitchens-val").exists()


def test_image_files_have_no_neighbours(bench):
    call = ("prepare-splits", "toy-kitchen", "--subset", "train", "--limit", 1, "--workers", 1)
    result = bench(*call, "--min-sharpness", "0.5")
    assert result.status == 2
    assert "is not a video: use the videos, or leave out the option" in result.err


def test_the_measures_agree_with_other_implementations():
    image, other = scene(1).resize((456, 256)), scene(1, hand=True)
    grey = np.asarray(image.convert("L"), np.float64)
    assert sharpness(image) == pytest.approx(laplace(grey)[1:-1, 1:-1].var())
    first, second = (np.asarray(each.convert("L"), np.float64) for each in (scene(1), other))
    expected = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    assert similarity(first, second) == pytest.approx(expected)
    assert similarity(first, 0.5 * first + 20) == pytest.approx(1)  # brightness does not count
    flat = np.full_like(first, 7)
    assert (similarity(flat, flat), similarity(flat, first)) == (1, 0)


def test_blur_is_relative_to_the_sharpest_neighbour():
    filters = SampleFilters(min_sharpness=0.5)
    traits = filters.traits(scene(1).filter(ImageFilter.GaussianBlur(2)))
    alike = {"target": [traits.sharpness * share for share in (0.1, 1.9)]}
    filters.check({"target": traits}, alike)
    filters.check({"target": traits}, {})  # no neighbour could be read
    with pytest.raises(SampleError, match=r"blurred: target: 0\.476 of the sharpness"):
        filters.check({"target": traits}, {"target": [traits.sharpness * 2.1]})


def test_the_options_select_no_filter_by_default():
    assert PrepareOptions().filters == NO_FILTERS
    assert not NO_FILTERS


def test_neighbours_are_at_equal_steps_in_the_window():
    source = FrameSource(Path("P01_1.MP4"), time=2.0)
    times = [each.time for each in SampleFilters(min_sharpness=0.5).neighbours(source)]
    assert times == pytest.approx([1.5, 2 - 1 / 3, 2 - 1 / 6, 2 + 1 / 6, 2 + 1 / 3, 2.5])
    assert SampleFilters(min_similarity=0.5).neighbours(source) == []


def test_a_resumed_split_is_filtered_by_the_same_thresholds(bench, epic, tmp_path):
    folder = tmp_path / "workspace/splits/epic-kitchens-val"
    call = ("prepare-splits", *epic, "--size", 64, "--workers", 1)
    assert bench(*call, "--max-similarity", "0.97").status == 0
    plan = json.loads((folder / "split.json").read_text())
    (folder / ".partial").mkdir()  # as if interrupted before the manifest
    kept = ("format", "dataset", "subset", "recipe", "times_fingerprint", "versions")
    (folder / ".partial/plan.json").write_text(json.dumps({key: plan[key] for key in kept}))
    (folder / "split.json").unlink()
    other = bench(*call, "--max-similarity", "0.9")
    assert "an unfinished split with other settings (recipe.filters.max_similarity" in other.err
    assert bench(*call, "--max-similarity", "0.97").status == 0
    assert rejections(folder) == {"unchanged": "unchanged"}
