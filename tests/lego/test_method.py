"""`bench run --method lego` with untrained weights: determinism, features, prompts, errors."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.denoiser.postprocess import released
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_lego.features.conditioning_names import kinds_of
from egoactgen_lego.features.feature_folder import FeatureFolder
from egoactgen_lego.generator.lego_method import LEGO, LEGOOptions
from egoactgen_lego.generator.vllm_conditioning import Conditioner, save_conditioner

VLLM = 12  # the width of the features in these tests
SIZES = {"image_tokens": 256, "text_tokens": 77, "vllm_width": VLLM}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return untrained_weights.folder(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def joint(weights, tmp_path_factory):
    """The untrained weights with a conditioner that takes both of the VLLM's features."""
    folder = tmp_path_factory.mktemp("joint") / "weights"
    shutil.copytree(weights, folder)
    torch.manual_seed(0)
    sizes = {"width": untrained_weights.WIDTH, "vllm_width": VLLM, "heads": 2, "feed_forward": 16}
    save_conditioner(Conditioner("joint", **sizes), folder / "conditioner")
    return folder


def requests(count, description="a hand opens the drawer"):
    made = []
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        action = ("open drawer", "take mug", "cut onion")[number % 3]
        made.append(Request(f"s_{number}", Image.fromarray(pixels), action, description, number))
    return made


def write_features(folder, count, text_shape=(5, VLLM)):
    for kind, shape in (("image", (256, VLLM)), ("text", text_shape)):
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            drawn = np.random.default_rng([number, len(kind)]).standard_normal(shape)
            np.save(folder / kind / f"s_{number}.npy", drawn.astype(np.float16))
    return folder


def lego(weights, described=True, **options):
    return LEGO(LEGOOptions(steps=2, **options), MethodContext(weights, described=described))


def pixels(answers):
    return np.stack([np.asarray(answer).astype(int) for answer in answers])


def test_an_image_depends_only_on_its_request(joint, tmp_path):
    method = lego(joint, features=write_features(tmp_path, 3))
    asked = requests(3)
    together = pixels(method.generate(asked))
    alone = pixels([method.generate([request])[0] for request in reversed(asked)])[::-1]
    assert together.shape == (3, 256, 256, 3)
    assert np.abs(together - alone).max() <= 1
    assert np.abs(together[0] - together[1]).max() > 20


@pytest.mark.parametrize(
    "change",
    [{"guidance_text": 1.0}, {"guidance_image": 5.0}, {"prompt": "action"}, {"steps": 3}],
    ids=str,
)
def test_each_option_changes_the_frame(joint, tmp_path, change):
    features = write_features(tmp_path, 1)
    options = {"steps": 2, "features": features}
    before, after = (
        LEGO(LEGOOptions(**chosen), MethodContext(joint, described=True)).generate(requests(1))
        for chosen in (options, options | change)
    )
    assert np.abs(pixels(before) - pixels(after)).max() > 1


def test_memory_format_and_precision_keep_the_frame(weights):
    base = pixels(lego(weights).generate(requests(1)))
    assert (
        np.abs(base - pixels(lego(weights, channels_last=False).generate(requests(1)))).max() <= 1
    )
    half = LEGO(LEGOOptions(steps=2), MethodContext(weights, dtype="bfloat16"))
    assert np.abs(base - pixels(half.generate(requests(1)))).mean() < 4


def test_a_compiled_unet_gives_the_same_frame(weights, monkeypatch):
    """Traced like in torch.compile but not compiled, since C++ compilation takes minutes."""
    compile_module = torch.nn.Module.compile
    compiled = []

    def traced(self):
        compiled.append(type(self).__name__)
        compile_module(self, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", traced)
    base = pixels(lego(weights).generate(requests(2)))
    made = pixels(lego(weights, compile=True).generate(requests(2)))
    assert compiled == ["UNet2DConditionModel"]
    assert np.abs(base - made).max() <= 1


def test_weights_without_an_image_input_are_refused(weights, tmp_path):
    from diffusers import UNet2DConditionModel

    shutil.copytree(weights, tmp_path / "weights")
    UNet2DConditionModel(**untrained_weights.UNET | {"in_channels": 4}).save_pretrained(
        tmp_path / "weights" / "unet"
    )
    with pytest.raises(BenchError, match="has 4 input channels"):
        lego(tmp_path / "weights").load()


def test_features_and_seed_change_the_frame(joint, tmp_path):
    method = lego(joint, features=write_features(tmp_path, 2))
    first, second = requests(2)
    base = pixels(method.generate([first]))
    for other in (
        Request("s_1", first.input, first.action, first.description, first.seed),
        Request("s_0", first.input, first.action, first.description, second.seed),
    ):
        assert np.abs(base - pixels(method.generate([other]))).max() > 1


def test_a_sample_without_features_does_not_affect_the_others(joint, tmp_path):
    method = lego(joint, features=write_features(tmp_path, 2))
    answers = method.generate(requests(3))
    assert [isinstance(answer, Image.Image) for answer in answers] == [True, True, False]
    assert answers[2].code == "missing_features"


def test_text_features_are_cut_padded_and_taken_from_the_last_layer(tmp_path):
    (tmp_path / "text").mkdir()
    rows = np.arange(90.0 * 3 * VLLM).reshape(90, 3, VLLM).astype(np.float32)
    files = {"long": rows[:, 0], "short": rows[:5, 0], "layers": rows[:5], "one": rows[0, 0]}
    for name, array in files.items():
        np.save(tmp_path / "text" / f"{name}.npy", array)
    read = FeatureFolder(tmp_path, kinds_of("text"))
    assert np.array_equal(read.read("text", "long", SIZES), rows[:77, 0])
    assert np.array_equal(read.read("text", "short", SIZES)[:5], rows[:5, 0])
    assert not read.read("text", "short", SIZES)[5:].any()
    assert np.array_equal(read.read("text", "layers", SIZES)[:5], rows[:5, 2])
    assert np.array_equal(read.read("text", "one", SIZES)[0], rows[0, 0])


def test_features_in_the_released_layout(tmp_path):
    for kind in ("image", "text"):
        folder = tmp_path / f"vllm_{kind}_feature" / "ego4d.fho" / "val" / "clip_1" / "4"
        folder.mkdir(parents=True)
        np.save(folder / "000123.npy", np.ones((256 if kind == "image" else 7, VLLM), np.float32))
    read = FeatureFolder(tmp_path, kinds_of("joint"))
    assert read.read("image", "clip_1_4", SIZES).shape == (256, VLLM)
    assert read.read("text", "clip_1_4", SIZES).sum() == 7 * VLLM


def test_features_of_several_frames_are_ambiguous(tmp_path):
    folder = tmp_path / "vllm_image_feature" / "clip" / "4"
    folder.mkdir(parents=True)
    for frame in ("000001", "000002"):
        np.save(folder / f"{frame}.npy", np.ones((256, VLLM), np.float32))
    with pytest.raises(SampleError) as error:
        FeatureFolder(tmp_path, kinds_of("image")).read("image", "clip_4", SIZES)
    assert error.value.code == "ambiguous_features"


@pytest.mark.parametrize(
    "array",
    [np.ones((256, VLLM + 1)), np.full((256, VLLM), np.nan), np.ones((256, VLLM), int)],
    ids=["wide", "nan", "integers"],
)
def test_bad_features_are_named(tmp_path, array):
    (tmp_path / "image").mkdir()
    np.save(tmp_path / "image" / "x.npy", array)
    np.save(tmp_path / "image" / "object.npy", np.array([{}], dtype=object))
    read = FeatureFolder(tmp_path, kinds_of("image"))
    for name in ("x", "object"):
        with pytest.raises(SampleError) as error:
            read.read("image", name, SIZES)
        assert error.value.code == "bad_features"


def test_missing_inputs_of_the_weights_are_named(joint, tmp_path):
    with pytest.raises(BenchError, match=r"-o features=DIR with DIR/image/<sample_id>\.npy and"):
        lego(joint)
    with pytest.raises(BenchError, match="--descriptions NAME"):
        lego(joint, described=False, features=write_features(tmp_path, 1))
    with pytest.raises(
        BenchError, match=r"contains no image and text features: .*image/<sample_id>\.npy"
    ):
        lego(joint, features=joint)
    shutil.copytree(joint, tmp_path / "broken")
    shutil.rmtree(tmp_path / "broken" / "text_encoder")
    with pytest.raises(BenchError, match="lacks text_encoder/"):
        lego(tmp_path / "broken")


def test_a_sample_without_a_description_fails(joint, tmp_path):
    method = lego(joint, features=write_features(tmp_path, 1))
    (answer,) = method.generate(requests(1, description=None))
    assert answer.code == "missing_description"


def test_a_network_with_other_tensors_is_rejected(weights, tmp_path):
    from safetensors.torch import load_file, save_file

    for name, change in (("lost", "conv_in.bias"), ("strange", None)):
        folder = tmp_path / name
        shutil.copytree(weights, folder)
        path = folder / "unet" / "diffusion_pytorch_model.safetensors"
        tensors = load_file(path)
        if change:
            del tensors[change]
        else:
            tensors["strange"] = torch.zeros(1)
        save_file(tensors, path)
        with pytest.raises(BenchError, match=change or "strange"):
            lego(folder).load()


def test_released_postprocessing_fits_the_source_and_stretches():
    ramp = torch.linspace(-0.2, 0.3, 64).expand(3, 64, 64)
    image = released(ramp, 456, 256)
    assert image.size == (456, 256)
    values = np.asarray(image)
    assert values.min() <= 2
    assert values.max() >= 253


def test_untrained_weights_run_with_a_notice(bench, drawn_split):
    weights = ("--weights", untrained_weights.NAME)
    arguments = ("run", "--method", "lego", *weights, "-o", "steps=2", "--limit", 3)
    first = bench(*arguments)
    assert first.status == 0, first.err
    assert "untrained" in first.out
    run = drawn_split.parents[1] / "runs" / "drawn-val" / "lego"
    before = {path.name: np.asarray(Image.open(path)).astype(int) for path in images(run)}
    manifest = json.loads((run / "run.json").read_text())
    assert "unet/diffusion_pytorch_model.safetensors" in manifest["weights"]
    prompts = pd.read_csv(run / "samples.csv")["prompt"].tolist()
    assert prompts == ["open drawer", "take mug", "cut onion"]
    assert bench(*arguments, "--overwrite", "--batch-size", 3).status == 0
    for path in images(run):
        assert np.abs(np.asarray(Image.open(path)) - before[path.name]).max() <= 1


def images(run):
    return sorted((run / "images").iterdir())


def test_unknown_options_and_weights_get_a_suggestion(bench, drawn_split):
    result = bench("run", "--method", "lego", "--weights", "toy", "-o", "stepz=2")
    assert (result.status, "Did you mean 'steps'?" in result.err) == (2, True)
    result = bench("run", "--method", "lego", "--weights", "nowhere")
    assert result.status == 2
    assert "Unknown weights 'nowhere'" in result.err
