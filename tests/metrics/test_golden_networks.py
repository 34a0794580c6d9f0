"""Full-size networks with random weights, compared with the released code on real frames."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from numpy.testing import assert_allclose
from PIL import Image

from egoactgen_bench.api.feature_metric import cosine
from egoactgen_bench.metrics import clip_network, egovlp_features, inception_network, lpips_network
from egoactgen_bench.metrics.egovlp_network import VideoTower
from egoactgen_bench.metrics.egovlp_weights import build_video_tower
from egoactgen_bench.metrics.lpips_network import Range, Trunk
from egoactgen_bench.metrics.tensors import placed

State = dict[str, torch.Tensor]
Hashed = Callable[..., State]
Frame = Callable[[int], Image.Image]


def egovlp_tower(hashed: Hashed, data: str) -> VideoTower:
    shapes = f"egovlp_{data}_param_shapes.json"
    return build_video_tower(hashed(shapes, 0.02, ("video_model", "vid_proj")))


@pytest.fixture(scope="module")
def ego4d_tower(hashed: Hashed) -> VideoTower:
    return egovlp_tower(hashed, "ego4d")


def embedded(tower: VideoTower, stills: list[Image.Image], antialias: bool) -> torch.Tensor:
    clip = egovlp_features.clip_tensor(stills, tower.frames, tower.image_size, antialias)
    with torch.inference_mode():
        return tower(clip[None])[0]


def test_egovlp_static_and_plus(golden: Path, frame: Frame, ego4d_tower: VideoTower) -> None:
    reference = np.load(golden / "01_egovlp.npz")
    for antialias, key in ((False, "noantialias"), (True, "antialias")):
        clip = egovlp_features.clip_tensor([frame(0), frame(59)], 4, 224, antialias)
        stored = reference[f"ego4d/456x256/{key}/plus_input_tensor_59_f16"][0]
        assert_allclose(clip, stored, atol=2e-3)  # stored in half precision
    plus = embedded(ego4d_tower, [frame(0), frame(59)], antialias=False)
    assert_allclose(plus, reference["ego4d/456x256/noantialias/plus/59"], atol=1e-4)
    static = embedded(ego4d_tower, [frame(59)], antialias=True)
    assert_allclose(static, reference["ego4d/456x256/antialias/static/59"], atol=1e-4)


@pytest.mark.slow
def test_egovlp_every_frame(golden: Path, frame: Frame, ego4d_tower: VideoTower) -> None:
    reference = np.load(golden / "01_egovlp.npz")
    cosines = json.loads((golden / "01_egovlp.json").read_text())["cos"]
    for antialias, key in ((False, "noantialias"), (True, "antialias")):
        for form, context in (("static", []), ("plus", [frame(0)])):
            found = {}
            for number in (0, 15, 30, 45, 59) if form == "static" else (15, 30, 45, 59):
                found[number] = embedded(ego4d_tower, [*context, frame(number)], antialias)
                stored = reference[f"ego4d/456x256/{key}/{form}/{number}"]
                assert_allclose(found[number], stored, atol=1e-4)
            for pair, stored in cosines[f"ego4d/456x256/{key}"][form].items():
                first, second = (found[int(part)].numpy()[None] for part in pair.split("-"))
                assert_allclose(cosine(first, second), stored, atol=1e-5)


def test_egovlp_of_sixteen_frames(golden: Path, frame: Frame, hashed: Hashed) -> None:
    found = embedded(egovlp_tower(hashed, "epickitchen"), [frame(30)], antialias=False)
    reference = np.load(golden / "01_egovlp.npz")
    assert_allclose(found, reference["epickitchen/456x256/noantialias/static/30"], atol=1e-4)


@pytest.fixture(scope="module")
def clip_state(hashed: Hashed) -> State:
    """A full-size image tower and a text tower of one narrow layer, with weights from names."""
    text = {
        "positional_embedding": [77, 64],
        "text_projection": [64, 768],
        "logit_scale": [],
        "token_embedding.weight": [49408, 64],
        "ln_final.weight": [64],
        "ln_final.bias": [64],
    }
    layer = {
        "attn.in_proj_weight": [192, 64],
        "attn.in_proj_bias": [192],
        "attn.out_proj.weight": [64, 64],
        "attn.out_proj.bias": [64],
        "ln_1.weight": [64],
        "ln_1.bias": [64],
        "mlp.c_fc.weight": [256, 64],
        "mlp.c_fc.bias": [256],
        "mlp.c_proj.weight": [64, 256],
        "mlp.c_proj.bias": [64],
        "ln_2.weight": [64],
        "ln_2.bias": [64],
    }
    text |= {f"transformer.resblocks.0.{name}": shape for name, shape in layer.items()}
    return hashed("03_clip_visual_param_shapes.json", 0.02) | hashed(text, 0.02)


def test_clip(
    golden: Path, frame: Frame, clip_state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = clip_network.build_clip(clip_state)
    monkeypatch.setattr(clip_network, "load_clip", lambda *_: model)
    reference = np.load(golden / "03_clip.npz")
    cosines = json.loads((golden / "03_clip.json").read_text())["cosine"]
    for preprocessing, key in (("released", "upstream"), ("open_clip", "openclip_standard")):
        first, second = clip_images(preprocessing).extract([(frame(30),), (frame(59),)])
        assert_allclose(first, reference[f"456x256/{key}/30"], atol=1e-4)
        assert_allclose(second, reference[f"456x256/{key}/59"], atol=1e-4)
        found = cosine(first[None], second[None])
        assert_allclose(found, cosines[f"456x256/{key}/30-59"], atol=1e-5)


def test_clip_with_known_deviations(
    golden: Path, frame: Frame, clip_state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = np.load(golden / "03_clip.npz")
    for activation, preprocessing, key in (
        ("gelu", "released", "upstream_input_but_plain_gelu"),
        ("quick_gelu", "released-antialias", "upstream_but_antialias"),
    ):
        model = clip_network.build_clip(clip_state, activation)  # type: ignore[arg-type]
        monkeypatch.setattr(clip_network, "load_clip", lambda *_, model=model: model)
        (found,) = clip_images(preprocessing).extract([(frame(59),)])
        stored = reference[f"456x256/{key}/59"]  # these two were stored before normalisation
        assert_allclose(found, stored / np.linalg.norm(stored), atol=1e-4)


def clip_images(preprocessing: Any) -> clip_network.ClipImages:
    return clip_network.ClipImages(Path(), preprocessing, "quick_gelu", "cpu")


def test_inception_legacy(
    golden: Path, frame: Frame, hashed: Hashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = hashed("04_inception_param_shapes.json", 0.06)
    network = placed(inception_network.build_fid_inception(state), "cpu")
    monkeypatch.setattr(inception_network, "_load", lambda *_: network)
    reference = np.load(golden / "04_inception.npz")
    jpeg = Image.open(golden / "frames/frame_059_456x256_q75.jpg")
    extractor = inception_network.InceptionImages(Path(), "legacy_pytorch", "cpu")
    found = extractor.extract([(frame(0),), (frame(59),), (jpeg,)])
    for features, key in zip(found, ("0", "59", "59_jpeg_q75"), strict=True):
        # Features reach 700, where the precision of float32 is 1e-4.
        assert_allclose(features, reference[f"456x256/{key}"], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("trunk", "scale"), [("squeeze", 0.1), ("alex", 0.05), ("vgg", 0.05)])
def test_lpips(golden: Path, frame: Frame, hashed: Hashed, trunk: Trunk, scale: float) -> None:
    drawn = lpips_network.build_lpips(trunk, hashed(trunk_shapes(trunk), scale, "features"))
    network = placed(drawn, "cpu")
    reference = json.loads((golden / "02_psnr_lpips.json").read_text())["lpips"]
    numbers = (0, 15, 59) if trunk == "squeeze" else (59,)
    ranges: dict[Range, str] = {"0..1": "upstream_inputs_0_1", "-1..1": "documented_inputs_m1_1"}
    for value_range, key in ranges.items():
        target, *outputs = (
            lpips_network.embed(network, [frame(n)], (456, 256), value_range)
            for n in (30, *numbers)
        )
        found = [float(lpips_network.distances(network, output, target)[0]) for output in outputs]
        stored = [reference[f"{trunk}/456x256/30-{number}"][key] for number in numbers]
        assert_allclose(found, stored, atol=1e-5)


def trunk_shapes(trunk: Trunk) -> dict[str, list[int]]:
    models = torchvision.models
    make = {"squeeze": models.squeezenet1_1, "alex": models.alexnet, "vgg": models.vgg16}[trunk]
    with torch.device("meta"):
        return {name: list(tensor.shape) for name, tensor in make().state_dict().items()}
