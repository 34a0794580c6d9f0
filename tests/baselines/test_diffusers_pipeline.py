"""`diffusers:PATH` on tiny random pipelines saved to disk."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from egoactgen_baselines.pipelines.diffusers_pipeline import DiffusersPipeline, PipelineOptions
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import BenchError, SampleError
from tiny_pipelines import KINDS, write_pipeline


@pytest.fixture(scope="module", params=KINDS)
def saved(request, tmp_path_factory):
    return write_pipeline(tmp_path_factory.mktemp("saved") / request.param, request.param)


@pytest.fixture(scope="module")
def editing(tmp_path_factory):
    return write_pipeline(tmp_path_factory.mktemp("saved") / "edit", "edit")


def request(number=0, description="a hand opens the drawer"):
    drawn = np.random.default_rng(number).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    frame = Image.fromarray(drawn).resize((96, 64), Image.Resampling.BICUBIC)
    return Request(f"s_{number}", frame, "open drawer", description, number)


def method(folder, **options):
    chosen = PipelineOptions(**({"steps": 2} | options))
    return DiffusersPipeline(chosen, MethodContext(argument=str(folder), described=True))


def pixels(method, *requests):
    return np.stack([np.asarray(image).astype(int) for image in method.generate(requests)])


def test_every_kind_depends_on_image_and_prompt_and_is_deterministic(saved):
    built = method(saved)
    one, two = request(0), request(1)
    together = pixels(built, one, two)
    assert together.shape == (2, 64, 96, 3)
    assert np.abs(pixels(built, two) - together[1:]).max() <= 1
    assert (pixels(built, one, two) == together).all()
    frames = [Request("s_0", two.input, one.action, None, one.seed)]
    assert np.abs(pixels(built, *frames) - together[:1]).max() > 1


def test_the_image_equals_that_of_a_direct_call(editing):
    built, sample = method(editing, guidance=5.0, image_guidance=1.2), request()
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(editing, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        "open drawer",
        sample.input.resize((160, 104), Image.Resampling.LANCZOS),  # 128² pixels at 3:2
        num_inference_steps=2,
        guidance_scale=5.0,
        image_guidance_scale=1.2,
        generator=torch.Generator().manual_seed(sample.seed),
    ).images[0]
    expected = expected.resize((96, 64), Image.Resampling.LANCZOS)
    assert np.abs(pixels(built, sample)[0] - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 3},
        {"guidance": 2.0},
        {"image_guidance": 4.0},
        {"negative_prompt": "a hand"},
        {"prompt": "description"},
        {"resolution": 64},
        {"template": "{action}, first-person view"},
    ],
    ids=str,
)
def test_each_option_changes_the_image(editing, change):
    before, after = method(editing), method(editing, **change)
    assert np.abs(pixels(before, request()) - pixels(after, request())).max() > 1


def test_strength_is_for_image_to_image(editing, tmp_path):
    folder = write_pipeline(tmp_path / "image-to-image", "image-to-image")
    images = [pixels(method(folder, strength=value), request()) for value in (0.5, 1.0)]
    assert np.abs(images[0] - images[1]).max() > 1
    message = r"has no argument strength \(-o strength\); available options: steps"
    with pytest.raises(BenchError, match=message):
        method(editing, strength=0.5)
    with pytest.raises(BenchError, match="has no argument true_cfg_scale"):
        method(editing, true_guidance=4.0)


def test_folders_with_code_are_refused(editing, tmp_path):
    with pytest.raises(BenchError, match=r"contains no model_index\.json"):
        method(tmp_path)

    def variant(name, **entries):
        folder = tmp_path / name
        folder.mkdir()
        index = json.loads((editing / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps(index | entries))
        return folder

    for name, entries in (
        ("component", {"unet": ["my_code", "UNet"]}),
        ("pipeline", {"_class_name": ["my_pipeline", "Mine"]}),
    ):
        with pytest.raises(BenchError, match="requires custom code"):
            method(variant(name, **entries))
    with pytest.raises(BenchError, match="has no pipeline 'Nowhere'"):
        method(variant("unknown", _class_name="Nowhere"))
    pickled = variant("pickled")
    (pickled / "unet").mkdir()
    (pickled / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BenchError, match=r"unet/diffusion_pytorch_model\.bin may contain code"):
        method(pickled)
    with pytest.raises(BenchError, match="text_encoder does not exist, or is not a folder"):
        method(variant("empty")).load()


def test_an_image_rejected_by_the_safety_checker_is_an_error(editing):
    built = method(editing)
    black = Image.new("RGB", (128, 128))

    class Flagging:
        vae_scale_factor = 8
        unet = built.pipeline.unet

        def __call__(self, **arguments):
            return type("Made", (), {"images": [black], "nsfw_content_detected": [True]})()

    built.pipeline = Flagging()
    (output,) = built.generate([request()])
    assert isinstance(output, SampleError)
    assert output.code == "flagged"


def test_bench_run(bench, drawn_split, editing):
    call = ("run", "--method", f"diffusers:{editing}", "-o", "steps=2", "--limit", 2)
    result = bench(*call)
    assert result.status == 0, result.err
    manifest = json.loads(
        (drawn_split.parents[1] / "runs/drawn-val/diffusers-edit/run.json").read_text()
    )
    assert manifest["method"] == "diffusers:edit"
    assert "unet/diffusion_pytorch_model.safetensors" in manifest["weights"]


def test_missing_tensors_of_a_part_are_an_error(editing, tmp_path):
    folder = shutil.copytree(editing, tmp_path / "edit")
    file = folder / "text_encoder" / "model.safetensors"
    kept = {name: t for name, t in load_file(file).items() if "final_layer_norm" not in name}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(BenchError, match=r"text_encoder lacks tensors for CLIPTextModel: .*norm"):
        method(folder).load()


def test_pixels_that_are_not_finite_are_an_error_of_their_sample(editing):
    built = method(editing)
    built.pipeline.vae.decoder.conv_out.bias.data.fill_(float("nan"))
    built.load()
    (output,) = built.generate([request()])
    assert isinstance(output, SampleError)
    assert output.code == "not_finite"


def test_what_fails_for_every_sample_fails_at_the_start(editing, tmp_path):
    folder = write_pipeline(tmp_path / "image-to-image", "image-to-image")
    with pytest.raises(BenchError, match=r"strength × steps is 0\.1 × 2 < 1"):
        method(folder, strength=0.1)
    method(folder, strength=0.1, steps=10).load()
    index = folder / "model_index.json"
    content = json.loads(index.read_text())
    index.write_text(json.dumps(content | {"_class_name": "StableDiffusionInpaintPipeline"}))
    with pytest.raises(BenchError, match="is an inpainting pipeline"):
        method(folder)
    index.write_text(json.dumps(content | {"_class_name": KINDS["edit"][0].__name__}))
    with pytest.raises(BenchError, match="cannot generate an image with these options"):
        method(folder).load()


def test_code_in_a_part_is_never_run(editing, tmp_path):
    trap = tmp_path / "trap"
    for name in ("None.py", "scheduler/diffusers.py"):
        folder = shutil.copytree(editing, tmp_path / name.replace("/", "-"))
        (folder / name).write_text(f"open({str(trap)!r}, 'w')")
        with pytest.raises(BenchError, match=f"contains code, {name}, which is never executed"):
            method(folder)
    folder = shutil.copytree(editing, tmp_path / "outside")
    index = json.loads((folder / "model_index.json").read_text())
    for entry, sentence in (
        ({"../x": ["diffusers", "UNet2DConditionModel"]}, "not a folder's name"),
        ({"unet": ["os", "system"]}, "requires custom code"),
        ({"unet": ["os", "system", "x"]}, "expected a library and a class"),
    ):
        (folder / "model_index.json").write_text(json.dumps(index | entry))
        with pytest.raises(BenchError, match=sentence):
            method(folder)
    assert not trap.exists()


def test_only_the_files_that_are_read_are_recorded(editing, tmp_path):
    folder = shutil.copytree(editing, tmp_path / "edit")
    before = [path.relative_to(folder) for path in method(folder).weight_files()]
    assert [path.relative_to(editing) for path in method(editing).weight_files()] == before
    for name in ("README.md", ".cache/x.metadata", "optimizer.bin", "unet/flax_model.msgpack"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"another")
    assert [path.relative_to(folder) for path in method(folder).weight_files()] == before
