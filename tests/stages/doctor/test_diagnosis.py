"""The doctor: explains numbers by known deviations, and reports what a machine lacks."""

import io
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from drawn_split import write_drawn_split
from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_deviations import Axes, Deviation
from egoactgen_bench.api.options import Options
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.stages.doctor import machine
from egoactgen_bench.stages.doctor.diagnosis import Diagnosis, diagnose
from egoactgen_bench.support.files import sha256_bytes, write_csv, write_json
from egoactgen_bench.support.images import write_png
from small_networks import ScriptedInception, small_clip_state, small_egovlp

Pixels = NDArray[np.float64]


def write_run(split_folder: Path, name: str, size: tuple[int, int] | None = None) -> Path:
    """A run of dimmed, noisy targets, optionally resized to (width, height)."""
    split = load_split(split_folder)
    folder = split_folder.parents[1] / "runs" / split.name / name
    noise = np.random.default_rng(7)
    rows = []
    for row in split.samples.to_dict("records"):
        target = np.asarray(Image.open(split.frame_path(row["target_frame"])), float)
        pixels = 40 + 0.6 * target + noise.normal(0, 8, target.shape)
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        relative = f"images/{row['sample_id']}.png"
        data = write_png(folder / relative, image.resize(size) if size else image)
        image_row = {"sample_id": row["sample_id"], "image": relative, "sha256": sha256_bytes(data)}
        rest = {"seed": 0, "prompt": "", "status": "ok", "seconds": 0.1, "detail": ""}
        rows.append(image_row | rest)
    write_csv(folder / "samples.csv", pd.DataFrame(rows))
    fingerprints = {
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
    }
    write_json(
        folder / "run.json", {"method": name, "split": split.name, "counts": {}, **fingerprints}
    )
    return folder


@pytest.fixture
def mine(drawn_split: Path) -> Path:
    return write_run(drawn_split, "mine")


def pairs(run: Path) -> list[tuple[Image.Image, Image.Image]]:
    """Outputs and targets, read independently of the toolkit's scoring."""
    split = run.parents[2] / "splits" / "drawn-val"
    return [
        (Image.open(path), Image.open(split / "frames" / path.stem / "target.png"))
        for path in sorted((run / "images").iterdir())
    ]


def jpeg(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "jpeg", quality=75)
    return Image.open(stream).convert("RGB")


def stretch(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image).astype(np.float32)
    scaled = (pixels - pixels.min()) / (pixels.max() - pixels.min())
    return Image.fromarray((scaled * 255).astype(np.uint8))


def squared_errors(found: list[tuple[Image.Image, Image.Image]]) -> Pixels:
    return np.array([np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2) for a, b in found])


def decibels(errors: Pixels | float, peak: float = 255) -> Pixels:
    return 10 * np.log10(peak**2 / np.asarray(errors))


def examine(run: Path, metric: str, value: str | float, **choices: object) -> Diagnosis:
    split = load_split(run.parents[2] / "splits" / "drawn-val")
    return diagnose(split, load_run(run), metric, value, workspace=run.parents[2], **choices)


VALUES: Mapping[str, Callable[[Path], float]] = {
    "protocol standard as it is": lambda run: decibels(squared_errors(pairs(run))).mean(),
    "outputs stretched by their own min and max": lambda run: decibels(
        squared_errors([(stretch(a), b) for a, b in pairs(run)])
    ).mean(),
    "outputs as JPEG 75": lambda run: decibels(
        squared_errors([(jpeg(a), b) for a, b in pairs(run)])
    ).mean(),
    "outputs stretched by their own min and max, outputs as JPEG 75": lambda run: decibels(
        squared_errors([(jpeg(stretch(a)), b) for a, b in pairs(run)])
    ).mean(),
    "peak 1 for frames in -1…1": lambda run: decibels(
        squared_errors(pairs(run)) * (2 / 255) ** 2, peak=1
    ).mean(),
    "dB of the mean squared error of all": lambda run: float(
        decibels(squared_errors(pairs(run)).mean())
    ),
    "luma alone": lambda run: decibels(
        squared_errors([(a.convert("L"), b.convert("L")) for a, b in pairs(run)])
    ).mean(),
    "frames squashed to 224×224": lambda run: decibels(
        squared_errors([(a.resize((224, 224), 1), b.resize((224, 224), 1)) for a, b in pairs(run)])
    ).mean(),
}


@pytest.mark.parametrize("variant", VALUES)
def test_deviation_behind_a_psnr_is_found(mine: Path, variant: str) -> None:
    value = f"{VALUES[variant](mine):.4f}"
    found = examine(mine, "psnr", value, most=80 if ", " in variant else 0)
    assert found.table["variant"][0] == variant
    assert found.table["distance"][0] <= 5e-5
    assert found.sentence.startswith(f"{value} matches psnr of run 'mine' with {variant} (")
    assert list(found.table["n"].unique()) == [6]


def test_integer_overflow_is_recognised(mine: Path) -> None:
    wrapped = [np.mean((np.asarray(a) - np.asarray(b)) ** 2, dtype=float) for a, b in pairs(mine)]
    found = examine(mine, "psnr", f"{decibels(np.array(wrapped)).mean():.4f}", most=0)
    assert found.table["variant"][0] == "differences wrapped around in uint8"


def test_resizing_of_outputs_is_recognised(drawn_split: Path) -> None:
    run = write_run(drawn_split, "small", size=(64, 64))
    shrunk = [(a, b.resize(a.size, Image.Resampling.LANCZOS)) for a, b in pairs(run)]
    tensors = [
        (torch.nn.functional.interpolate(tensor(a), (64, 96), mode="bilinear"), tensor(b))
        for a, b in pairs(run)
    ]
    errors = np.array([float(((a.round() - b) ** 2).double().mean()) for a, b in tensors])
    for variant, value in (
        ("targets fitted to outputs", decibels(squared_errors(shrunk)).mean()),
        ("outputs fitted by bilinear without antialias", decibels(errors).mean()),
    ):
        assert examine(run, "psnr", f"{value:.4f}", most=0).table["variant"][0] == variant


def tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()


def test_lpips_fed_with_the_wrong_range_is_recognised(tmp_path: Path) -> None:
    mine = write_run(write_drawn_split(tmp_path / "splits" / "drawn-val", count=3), "mine")
    import lpips
    from torchvision.models import squeezenet1_1

    torch.manual_seed(0)
    trunk = squeezenet1_1()
    weights = mine.parents[2] / "models"
    weights.mkdir()
    torch.save(trunk.state_dict(), weights / "squeezenet1_1-b8a52dc0.pth")
    network = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False).eval()
    named = {
        name: trunk.state_dict()[f"features.{name.split('.', 1)[1]}"]
        for name in network.net.state_dict()
    }
    network.net.load_state_dict(named)
    with torch.inference_mode():
        values = [float(network(tensor(jpeg(a)) / 255, tensor(b) / 255)) for a, b in pairs(mine)]
    found = examine(mine, "lpips", f"{100 * np.mean(values):.5f}", most=20)
    variant = found.table["variant"][0]
    assert variant in (
        "range 0..1, outputs as JPEG 75",
        "protocol lego-release, outputs as JPEG 75",
    )
    assert found.table["distance"][0] < 2e-5
    assert any(
        n.startswith("left out: network vgg: lpips needs vgg16-397923af") for n in found.notices
    )
    assert any("only imitated on the finished images" in notice for notice in found.notices)


def test_number_of_frames_in_a_clip_is_recognised(mine: Path) -> None:
    weights = mine.parents[2] / "models"
    weights.mkdir()
    torch.manual_seed(0)
    small_egovlp(weights / "egovlp.pth", frames=4)
    small_egovlp(weights / "epic_mir_plus.pth", frames=16)
    split = load_split(mine.parents[2] / "splits" / "drawn-val")
    split.manifest.metric_defaults["egovlp"]["clip_length"] = "16-frame"
    long = diagnose(split, load_run(mine), "egovlp_plus", 0, workspace=mine.parents[2], most=0)
    value = long.table.set_index("variant")["value"]["protocol standard as it is"]
    found = examine(mine, "egovlp_plus", f"{value:.4f}", most=0)
    assert found.table["variant"][0] == "16-frame clip"


def test_another_clip_model_is_recognised(mine: Path) -> None:
    torch.manual_seed(0)
    here, there = mine.parents[2] / "models", mine.parents[2] / "others"
    here.mkdir()
    there.mkdir()
    save_file(small_clip_state(), here / "ViT-L-14.safetensors")
    save_file(small_clip_state(), here / "ViT-B-32.safetensors")
    shutil.copy(here / "ViT-B-32.safetensors", there / "ViT-L-14.safetensors")
    other = examine(mine, "clip", 0, most=0, weights=there)
    value = other.table.set_index("variant")["value"]["protocol standard as it is"]
    found = examine(mine, "clip", f"{value:.4f}", most=0)
    assert found.table["variant"][0] == "model ViT-B-32"
    assert any(
        "`bench models fetch ViT-B-16.safetensors --weights-dir" in notice
        for notice in found.notices
    )


def test_set_metric_leaves_no_rows_behind(mine: Path) -> None:
    weights = mine.parents[2] / "models"
    weights.mkdir()
    torch.manual_seed(0)
    torch.jit.script(ScriptedInception()).save(weights / "inception-2015-12-05.pt")
    for path in (mine / "images").iterdir():
        write_png(path, jpeg(Image.open(path)))
    value = examine(mine, "fid", 0, most=0).table.set_index("variant")["value"]
    write_run(mine.parents[2] / "splits" / "drawn-val", "mine")
    found = examine(mine, "fid", f"{value['protocol standard as it is']:.3f}", most=0)
    assert found.table["variant"][0] == "outputs as JPEG 75"
    assert any(notice.startswith("left out: protocol lego-release: ") for notice in found.notices)
    assert not [path for path in (mine.parents[2] / "cache").rglob("*") if path.is_file()]


def test_no_variant_explains_the_number(mine: Path) -> None:
    found = examine(mine, "psnr", "99.5", most=10)
    nearest = found.table.iloc[0]
    assert found.sentence == (
        f"None of the {len(found.table)} measured variants explains 99.5 within 0.05: "
        f"the nearest is {nearest['variant']}, with {nearest['value']:.6g}, "
        f"off by {nearest['distance']:.3g}."
    )
    assert_allclose(nearest["distance"], abs(found.table["value"] - 99.5).min())


def test_ties_are_reported(mine: Path) -> None:
    value = VALUES["protocol standard as it is"](mine)
    found = examine(mine, "psnr", value, tolerance=2, most=10)
    assert found.table["variant"][0] == "protocol standard as it is"
    assert "Also within 2: " in found.sentence
    idle = next(notice for notice in found.notices if notice.startswith("no effect on this run"))
    assert "red and blue swapped" in idle
    assert "outputs fitted by bicubic" in idle
    assert any("by chance" in notice for notice in found.notices)


def test_combinations_are_bounded_and_their_number_is_reported(mine: Path) -> None:
    few = examine(mine, "psnr", "20.00", most=3)
    assert sum(few.table["deviations"] > 1) <= 3
    assert any(f"measured {len(few.table)} of " in notice for notice in few.notices)


class Redness(Metric[Options]):
    """A third-party metric with its own deviation: how red the outputs are."""

    name, label, higher_is_better = "redness", "Redness", True

    @classmethod
    def known_deviations(cls) -> Axes:
        return {"channel": {"channels in BGR order": Deviation(metric=Blueness)}}

    def measure(self, batch):
        return np.array([[np.asarray(image)[..., 0].mean()] for image in batch.images("output")])


class Blueness(Redness):
    def measure(self, batch):
        return np.array([[np.asarray(image)[..., 2].mean()] for image in batch.images("output")])


def test_deviation_of_a_third_party_metric(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    blue = np.mean([np.asarray(a)[..., 2].mean() for a, _ in pairs(mine)])
    found = examine(mine, f"{__name__}:Redness", f"{blue:.5f}")
    assert list(found.table["variant"]) == ["channels in BGR order", "protocol standard as it is"]


class SumOptions(Options):
    one: bool = False
    two: bool = False


class Sum(Metric[SumOptions]):
    """The sum of its options' weights."""

    name, label, higher_is_better = "sum", "Sum", True
    Options = SumOptions

    @classmethod
    def variants(cls) -> Mapping[str, SumOptions]:
        return {"standard": SumOptions(), "lego-release": SumOptions(one=True, two=True)}

    def measure(self, batch):
        return np.full((len(batch), 1), 1.0 * self.options.one + 2.0 * self.options.two)


def test_equal_variants_are_measured_once(mine: Path) -> None:
    table = examine(mine, f"{__name__}:Sum", "2.8").table
    assert dict(zip(table["variant"], table["value"], strict=True)) == {
        "protocol lego-release": 3,
        "two True": 2,
        "one True": 1,
        "protocol standard as it is": 0,
    }
    assert list(table["distance"]) == pytest.approx([0.2, 0.8, 1.8, 2.8])


def test_command_prints_table_and_sentence(bench, mine: Path) -> None:
    value = f"{VALUES['outputs as JPEG 75'](mine):.3f}"
    result = bench("doctor", "mine", "--metric", "psnr", "--value", value, "--combinations", 0)
    assert result.status == 0
    assert result.out.splitlines()[0].split() == ["value", "distance", "n", "deviations", "variant"]
    assert result.out.splitlines()[-1].startswith(
        f"{value} matches psnr of run 'mine' with outputs as JPEG"
    )
    again = bench("doctor", "mine", "--metric", "psnr", "--value", value, "--combinations", 0)
    assert again.out == result.out


def test_failed_samples_are_reported(bench, mine: Path) -> None:
    next((mine / "images").iterdir()).write_bytes(b"cut short")
    result = bench("doctor", "mine", "--metric", "psnr", "--value", "20.0", "--combinations", 0)
    assert result.status == 1
    assert result.err.count("undecodable_image") == 1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (["mine"], "Give a run, a metric and a value"),
        (["--metric", "psnr"], "Give a run, a metric and a value"),
        (["mine", "--metric", "psnr", "--value", "high"], "--value high is not a number."),
        (["mine", "--metric", "psnr", "--value", "nan"], "--value nan is not a number."),
        (["mine", "--metric", "lpips", "--value", "36.43"], "`bench models fetch squeezenet"),
        (["mine", "--metric", "psrn", "--value", "1"], "Did you mean 'psnr'?"),
        (["mine", "--metric", "ssim", "--value", "1", "--protocol", "lego-release"], "no lego-rel"),
    ],
)
def test_invalid_calls(bench, mine: Path, call: list[str], sentence: str) -> None:
    result = bench("doctor", *call)
    assert result.status == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_missing_weights_are_reported(bench, tmp_path: Path) -> None:
    (tmp_path / "workspace" / "models").mkdir(parents=True)
    (tmp_path / "workspace" / "models" / "ViT-L-14.pt").touch()
    result = bench("doctor")
    assert result.status == 0
    lines = result.out.splitlines()
    assert any(
        line.startswith("lacks weights: epic_mir_plus.pth for ")
        and "egovlp (lego-release, standard)" in line
        and line.endswith("`bench models fetch epic_mir_plus.pth`.")
        for line in lines
    )
    assert not any("ViT-L-14.safetensors" in line for line in lines)
    assert any(line.startswith("ok    FFmpeg: not needed") for line in lines)


def test_package_versions_outside_of_the_tested_range(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = {"numpy": "1.26.4", "torch": "2.99.1"}
    real = machine.version

    def version(name: str) -> str:
        if name == "lpips":
            raise machine.PackageNotFoundError(name)
        return installed.get(name) or real(name)

    monkeypatch.setattr(machine, "version", version)
    texts = [f.text for f in machine.check(tmp_path, tmp_path) if f.topic == "packages"]
    assert any(text.startswith("numpy 1.26.4 is not ") and ">=2" in text for text in texts)
    assert any(text.startswith("torch 2.99.1 is newer than 2.15") for text in texts)
    assert any(text.startswith("lpips is not installed: `pip install") for text in texts)
