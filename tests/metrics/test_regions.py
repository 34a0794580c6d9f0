"""Metrics of regions: against independent computations, and with regions that are missing."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from drawn_runs import write_run
from egoactgen_bench import BenchError, Scorer, compare, load_run, load_scores, load_split
from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.errors import SampleError
from egoactgen_bench.metrics import lpips_network
from egoactgen_bench.metrics.regions import dino_patches
from egoactgen_bench.metrics.regions.region_masks import region_masks
from egoactgen_bench.stages.score.score_runs import score

REGIONS = ("hands", "object", "background")
SIZE = (96, 64)
HAND = {"kind": "left_hand", "x": 3.4, "y": 8.0, "width": 30.2, "height": 24.7}
MUG = {"kind": "object", "x": 25.0, "y": 20.5, "width": 40.0, "height": 43.5}
KNIFE = {"kind": "tool", "x": 80.0, "y": 2.0, "width": 10.0, "height": 12.0}
TINY = {"kind": "right_hand", "x": 70.0, "y": 40.0, "width": 7.0, "height": 9.0}  # 63 pixels


def picture(seed, size=SIZE):
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def text(*boxes):
    return json.dumps({"input": [KNIFE], "target": boxes})


def measure(name, weights=None, boxes=(HAND, MUG, KNIFE), **roles):
    metric = plugins.load("metrics", name)[0]
    built = metric(metric.Options(), MetricContext(weights) if weights else MetricContext())
    items = {"output": [picture(1)], "target": [picture(2)], "boxes": [text(*boxes)]} | roles
    return built.measure(Batch(items))


def mask(region, boxes=(HAND, MUG, KNIFE), size=SIZE):
    """By its definition, pixel by pixel: whether the centre of a pixel is in a box."""
    kinds = {"hands": {"left_hand", "right_hand"}, "object": {"object", "tool"}}
    wanted = kinds.get(region, set().union(*kinds.values()))
    found = np.zeros(size[::-1], bool)
    for row, column in np.ndindex(found.shape):
        x, y = column + 0.5, row + 0.5
        found[row, column] = any(
            box["kind"] in wanted
            and box["x"] <= x < box["x"] + box["width"]
            and box["y"] <= y < box["y"] + box["height"]
            for box in boxes
        )
    return ~found if region == "background" else found


@pytest.mark.parametrize("region", REGIONS)
def test_psnr_of_a_region(region):
    difference = np.asarray(picture(1), float) - np.asarray(picture(2), float)
    error = np.mean(difference[mask(region)] ** 2)
    assert measure(f"psnr_{region}")[0, 0] == pytest.approx(10 * np.log10(255**2 / error))
    output = np.asarray(picture(2)).copy()
    output[~mask(region)] += 1  # equal pixels in the region, others outside of it
    assert measure(f"psnr_{region}", output=[Image.fromarray(output)])[0, 0] == np.inf


@pytest.mark.parametrize("region", REGIONS)
def test_lpips_of_a_region_is_the_mean_of_the_packages_spatial_map(region, small_weights):
    """The lpips package itself, called with `spatial=True`."""
    trunk = small_weights / "squeezenet1_1-b8a52dc0.pth"
    network = lpips_network.load_lpips("squeeze", trunk)
    frames = [torch.from_numpy(np.array(picture(seed))).permute(2, 0, 1) for seed in (1, 2)]
    network.spatial = True
    try:
        with torch.inference_mode():
            ours, theirs = (2 * (frame[None] / 255) - 1 for frame in frames)
            spatial = network(ours, theirs)[0, 0].numpy()
    finally:
        network.spatial = False
    wanted = spatial[mask(region)].mean(dtype=np.float64)
    assert measure(f"lpips_{region}", small_weights)[0, 0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("region", REGIONS)
def test_dino_of_a_region_weights_patches_by_their_share(region, small_weights):
    """transformers' own hidden states, and the shares of patches counted on a finer grid."""
    from transformers import Dinov2Model

    model = Dinov2Model.from_pretrained(small_weights / "dinov2-base")
    width, height = 84, 56  # 56 · 96 / 64 = 84, both multiples of 14
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    tokens = []
    for seed in (1, 2):
        frame = picture(seed).resize((width, height), Image.Resampling.BICUBIC)
        pixels = (np.asarray(frame) / 255 - mean) / deviation
        with torch.inference_mode():
            found = model(torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32))
        tokens.append(found.last_hidden_state[0, 1:].double().numpy().reshape(4, 6, -1))
    ours, theirs = tokens
    cosines = (ours * theirs).sum(2) / np.linalg.norm(ours, axis=2) / np.linalg.norm(theirs, axis=2)
    shares = mask(region).reshape(4, 16, 6, 16).mean(axis=(1, 3))  # a patch is 16 × 16 pixels here
    wanted = (cosines * shares).sum() / shares.sum()
    assert measure(f"dino_{region}", small_weights)[0, 0] == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize(
    ("size", "whole"),
    [((456, 256), (392, 224)), ((342, 256), (294, 224)), ((256, 456), (224, 392))],
)
def test_whole_frames_are_resized_to_multiples_of_the_patch(size, whole):
    assert dino_patches.whole_size(size, 224, 14) == whole


def test_regions_may_overlap_and_the_background_is_outside_of_both():
    masks = region_masks(text(HAND, MUG), SIZE)
    assert (masks["hands"] & masks["object"]).any()
    assert not (masks["background"] & (masks["hands"] | masks["object"])).any()
    assert (masks["background"] | masks["hands"] | masks["object"]).all()


@pytest.mark.parametrize(
    ("boxes", "codes"),
    [
        ((), ("no_box", "no_box", "no_box")),
        ((MUG,), ("no_box", None, None)),
        ((TINY,), ("small_region", "no_box", None)),
        ((TINY, TINY | {"x": 60.0}), (None, "no_box", None)),
        (
            (HAND | {"x": 0.0, "y": 0.0, "width": 96.0, "height": 64.0},),
            (None, "no_box", "small_region"),
        ),
        ((MUG | {"x": 300.0},), ("no_box", "small_region", None)),
    ],
)
def test_missing_regions_have_a_code(boxes, codes):
    found = region_masks(text(*boxes), SIZE)
    assert tuple(getattr(found[region], "code", None) for region in REGIONS) == codes
    for region, code in zip(REGIONS, codes, strict=True):
        rows = measure(f"psnr_{region}", boxes=boxes)
        if code is None:
            assert rows.shape == (1, 1)
        else:
            assert isinstance(rows[0], SampleError) and rows[0].code == code


@pytest.fixture
def with_boxes(drawn_split):
    """The third sample has no hands, the fourth no boxes at all."""
    rows = [
        f"{name},target,{box['kind']},{box['x']},{box['y']},{box['width']},{box['height']}"
        for name in ("V00_0", "V01_1", "V02_2", "V01_4", "V02_5")
        for box in (HAND, MUG)
        if name != "V02_2" or box is MUG
    ]
    header = "sample_id,frame,kind,x,y,width,height"
    (drawn_split / "boxes.csv").write_text("\n".join([header, *rows]) + "\n")
    return drawn_split


NAMED = [f"{metric}_{region}" for metric in ("psnr", "lpips", "dino") for region in REGIONS]


def test_scores_count_missing_regions_without_failing(bench, with_boxes, small_weights, tmp_path):
    for name, noise in (("near", 5), ("far", 40)):
        write_run(with_boxes, name, noise)
    call = ("score", "--weights-dir", small_weights, "--metrics", ",".join(["psnr", *NAMED]))
    result = bench(*call)
    assert result.status == 0, result.err
    assert "failed" not in result.err
    assert "By region\n" in result.out
    line = "Not applicable: PSNR hands, LPIPS hands, DINOv2 hands to 2 samples (2 no_box); "
    assert line in result.out
    scores = load_scores("drawn-val", workspace=tmp_path / "workspace")
    assert scores.complete and scores.failures.empty
    assert set(scores.errors["code"]) == {"no_box"}
    summary = scores.summary.set_index("run")
    assert summary.loc["near", ["n", "psnr_hands_n", "psnr_object_n"]].tolist() == [6, 4, 5]
    assert summary.loc["near", "psnr_hands"] > summary.loc["far", "psnr_hands"]
    assert summary.loc["near", "lpips_object"] < summary.loc["far", "lpips_object"]
    assert summary.loc["near", "dino_background"] > summary.loc["far", "dino_background"]
    table = (scores.folder / "table.md").read_text()
    main, regions = table.split("By region:")
    assert "PSNR hands" not in main.split("\n- ")[0] and "| near | 6 | **" in regions
    assert " (n 4)" in regions and "†" not in regions
    before = (scores.folder / "scores.csv").read_bytes()
    assert bench(*call).status == 0
    again = load_scores("drawn-val", workspace=tmp_path / "workspace")
    assert again.manifest.timing.measured_values == 0
    assert (again.folder / "scores.csv").read_bytes() == before


def test_scores_of_other_boxes_do_not_stay(with_boxes, tmp_path):
    folder = tmp_path / "out"
    near, far = (write_run(with_boxes, name, noise) for name, noise in (("near", 5), ("far", 40)))

    def scored(run):
        return score(load_split(with_boxes), [load_run(run)], folder, metrics=["psnr_object"])

    scored(near)
    assert scored(far).runs == ["near", "far"]
    path = with_boxes / "boxes.csv"
    path.write_text(path.read_text().replace("43.5", "30.5"))
    again = scored(far)
    assert again.runs == ["far"]
    assert "measured with other settings or weights): psnr_object of near" in again.replaced


def test_one_pass_of_the_network_serves_lpips_and_its_regions(small_weights, monkeypatch):
    passes = []
    embed = lpips_network.embed
    monkeypatch.setattr(
        lpips_network, "embed", lambda *call: passes.append(len(call[1])) or embed(*call)
    )
    scorer = Scorer(
        ["lpips", *(f"lpips_{region}" for region in REGIONS)], weights=small_weights, device="cpu"
    )
    outputs, targets = [picture(1), picture(3)], [picture(2), picture(4)]
    boxes = [{"target": [HAND, MUG]}] * 2
    scorer.update(outputs, targets, boxes=boxes)
    together = scorer.compute()
    assert sum(passes) == 4  # each output and target once
    alone = compare(outputs, targets, "lpips", weights=small_weights, device="cpu")
    assert together["lpips"] == alone["lpips"]
    # Nothing is measured where no sample has the region.
    passes.clear()
    no_hands = [{"target": [TINY]}] * 2
    scorer = Scorer("lpips_hands", weights=small_weights, device="cpu")
    scorer.update(outputs, targets, boxes=no_hands)
    assert np.isnan(scorer.compute()["lpips_hands"]) and passes == []
    assert scorer.errors()["code"].tolist()[:2] == ["small_region"] * 2


def test_boxes_are_an_argument_in_memory():
    boxes = [{"target": [HAND]}]
    found = compare([picture(1)], [picture(2)], "psnr_hands", boxes=boxes)
    assert found["psnr_hands"] == measure("psnr_hands", boxes=(HAND,))[0, 0]
    with pytest.raises(BenchError, match="psnr_hands needs the samples' boxes: pass boxes="):
        compare([picture(1)], [picture(2)], "psnr_hands")
    with pytest.raises(BenchError, match="boxes has 1 samples, but outputs has 2"):
        compare([picture(1)] * 2, [picture(2)] * 2, "psnr_hands", boxes=boxes)
    broken = [{"target": [{"kind": "left_hand"}]}]
    with pytest.raises(BenchError, match=r"The boxes of sample 1 are invalid \(x is missing\)"):
        compare([picture(1)], [picture(2)], "psnr_hands", boxes=broken)


@pytest.mark.parametrize(
    ("boxes", "why"),
    [
        ([], "a list, expected an object with the boxes of the frame under target"),
        ({"input": []}, "a dict without target"),
        ({"target": HAND}, "target is a dict, expected a list"),
        ({"target": [5]}, "a box is a int, expected an object"),
        ({"target": [HAND | {"kind": "foot"}]}, "kind 'foot' is not one of left_hand, right_hand"),
        ({"target": [HAND | {"kind": []}]}, "is not one of"),
        ({"target": [HAND | {"x": "1"}]}, "x is a str, expected a number"),
        ({"target": [HAND | {"x": float("nan")}]}, "x is not finite"),
        ({"target": [HAND | {"width": 0}]}, "a box has the size 0 × 24.7"),
    ],
)
def test_invalid_boxes_in_memory_are_one_sentence(boxes, why):
    with pytest.raises(BenchError, match="The boxes of sample 1 are invalid") as found:
        compare([picture(1)], [picture(2)], "psnr_hands", boxes=[boxes])
    assert why in str(found.value)


def test_a_split_without_boxes_has_no_regions(bench, runs):
    result = bench("score", "--metrics", "psnr,psnr_hands")
    assert result.status == 1
    assert (
        "psnr_hands needs boxes of hands and objects, which this split does not have" in result.err
    )
    assert "bench prepare-splits DATASET … --boxes PATH" in result.err
    result = bench("score", "near")
    assert result.status == 0
    assert "psnr_hands and 8 more (no boxes in the split" in result.err
    assert "add them with `bench prepare-splits" in result.err
