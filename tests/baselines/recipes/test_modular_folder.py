"""Folders of modular pipelines: what is refused, and that all is read from the folder itself."""

import json
import re
import shutil
import socket

import diffusers
import numpy as np
import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from egoactgen_baselines.pipelines import pipeline_memory
from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_baselines.pipelines.diffusers_pipeline import DiffusersPipeline
from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.errors import BenchError
from recipe_requests import FRAME, sample

NAME, GUIDED = "FluxKontextModularPipeline", "Flux2KleinBaseModularPipeline"
INDEX = "modular_model_index.json"
SMALL = {"resolution": 128, "steps": 1}


def built(folder, **options):
    context = MethodContext(argument=str(folder), described=True, dtype="float32")
    return DiffusersPipeline(PipelineOptions(**options), context)


@pytest.fixture
def changed(saved, tmp_path):
    """`changed(class name, edit)`: a copy of that folder, its index changed by `edit(index)`."""

    def copy(name, edit=lambda index: None):
        folder = tmp_path / "changed"
        shutil.copytree(saved(name), folder)
        index = json.loads((folder / INDEX).read_text())
        edit(index)
        (folder / INDEX).write_text(json.dumps(index))
        return folder

    return copy


@pytest.fixture
def index_only(tmp_path):
    """`index_only(class name, **entries)`: a folder with no more than an index."""

    def write(name, **entries):
        (tmp_path / INDEX).write_text(json.dumps({"_class_name": name} | entries))
        return tmp_path

    return write


def component(library="diffusers", name="AutoencoderKL", **place):
    return [None, None, {"type_hint": [library, name], **place}]


def test_components_are_read_from_the_folder_whatever_the_index_says(changed, monkeypatch):
    def move(index):
        for value in index.values():
            if isinstance(value, list):
                value[2]["pretrained_model_name_or_path"] = "vendor/model"

    def refuse(*arguments, **named):
        raise AssertionError("the network was tried")

    folder = changed(GUIDED, move)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    method = built(folder, **SMALL)
    (image,) = method.generate([sample()])
    assert image.size == FRAME
    names = {str(file.relative_to(folder)) for file in method.weight_files()}
    assert {INDEX, "transformer/config.json", "vae/config.json"} <= names


def test_a_component_that_is_elsewhere_is_refused(changed):
    def move(index):
        index["vae"][2]["pretrained_model_name_or_path"] = "vendor/model"

    folder = changed(NAME, move)
    shutil.rmtree(folder / "vae")
    with pytest.raises(BenchError, match=rf"no folder 'vae': {INDEX} takes it from 'vendor/model'"):
        built(folder)


def test_a_component_that_the_pipeline_lacks_is_named(changed):
    def remove(index):
        del index["vae"]

    method = built(changed(NAME, remove), **SMALL)
    with pytest.raises(BenchError, match=r"cannot generate .* \(the folder has no vae: "):
        method.load()


def test_networks_are_loaded_strictly(changed):
    folder = changed(NAME)
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors.pop("proj_out.weight")
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(BenchError, match=r"transformer lacks tensors .*proj_out\.weight"):
        _ = built(folder).pipeline


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"vae": component("my_code", "VAE")}, "requires custom code"),
        ({"../vae": component()}, "is not a folder's name"),
        ({"vae": component(subfolder="../vae")}, r"is in the folder '\.\./vae', expected 'vae'"),
        ({"vae": [None, None, {}]}, "has no type_hint of a library and a class"),
        ({"vae": component(None, None)}, "has no type_hint of a library and a class"),
        ({"_blocks_class_name": "MyBlocks"}, r"requires blocks of its own \('MyBlocks'\)"),
        ({"_blocks_class_name": "Flux2AutoBlocks"}, "requires blocks of its own"),
        ({"_class_name": "ModularPipeline"}, "requires blocks of its own"),
        ({"_class_name": "Nowhere"}, "has no pipeline 'Nowhere'"),
        ({"_class_name": "FluxKontextPipeline"}, r"described by a model_index\.json"),
    ],
    ids=str,
)
def test_damaged_or_foreign_folders_are_refused(index_only, entries, message):
    with pytest.raises(BenchError, match=message):
        built(index_only(NAME, **entries))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("modular_config.json", "requires blocks of its own"),
        ("blocks.py", "contains code, blocks.py"),
        ("vae/diffusion_pytorch_model.bin", "may contain code"),
    ],
)
def test_code_and_pickles_are_refused(index_only, file, message):
    folder = index_only(NAME, vae=component())
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("{}")
    with pytest.raises(BenchError, match=message):
        built(folder)


def test_an_index_that_is_not_an_object_is_refused(tmp_path):
    (tmp_path / INDEX).write_text("[]")
    with pytest.raises(BenchError, match="does not contain a JSON object"):
        built(tmp_path)


def classes():
    found = (getattr(diffusers, name) for name in dir(diffusers) if "ModularPipeline" in name)
    return sorted(
        each.__name__
        for each in found
        if issubclass(each, diffusers.ModularPipeline) and each is not diffusers.ModularPipeline
    )


REFUSED = {
    "from text only": (
        "ErnieImage", "Ideogram4", "Krea2", "Krea2Turbo", "Wan", "Wan22",
    ),
    "generates sound": ("MiniMaxMusic3",),
    "control picture": ("Wan22Vace", "WanAnimate2", "WanAnimate2Distilled"),
    "layers of an image": ("QwenImageLayered",),
    "no recipe says how": (
        "Anima", "Cosmos3Distilled", "Cosmos3Omni", "Echo", "Helios", "HeliosPyramid",
        "HeliosPyramidDistilled", "HunyuanVideo15", "LTX2", "LTX25", "MiniMaxH3", "QwenImage",
        "StableDiffusion3", "StableDiffusionXL", "ZImage",
    ),
}  # fmt: skip
CALLED = {
    "Flux", "Flux2", "Flux2Klein", "Flux2KleinBase", "Flux3", "Flux3Distilled", "FluxKontext",
    "LTX", "QwenImage21", "QwenImage21Turbo", "QwenImageEdit", "QwenImageEditPlus",
    "Wan22Image2Video", "WanImage2Video",
}  # fmt: skip


def test_every_modular_class_is_called_or_refused_before_loading(index_only):
    expected = {name: why for why, names in REFUSED.items() for name in names}
    for name in classes():
        folder = index_only(name, is_distilled=name == "Flux2KleinModularPipeline")
        short = name.removesuffix("ModularPipeline")
        if short in CALLED:
            assert isinstance(built(folder).recipe, CallRecipe)
            continue
        with pytest.raises(BenchError, match=re.escape(expected[short])):
            built(folder)


def test_options_that_modular_pipelines_lack_are_refused(method):
    kind = diffusers.FluxKontextModularPipeline
    with pytest.raises(BenchError, match="has no such offload"):
        pipeline_memory.check(MemoryOptions(offload="model"), kind, "cuda:0")
    with pytest.raises(BenchError, match="does not support a cache"):
        method(NAME, cache="first-block")


def test_an_adapter_changes_the_image(method, tmp_path):
    torch.manual_seed(0)
    plain = method(GUIDED, **SMALL)
    network = method(GUIDED).pipeline.components["transformer"]
    network.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v"]))
    for name, tensor in network.named_parameters():
        if "lora" in name:
            tensor.data.normal_()
    layers = get_peft_model_state_dict(network)
    diffusers.Flux2KleinPipeline.save_lora_weights(tmp_path, transformer_lora_layers=layers)
    adapted = method(GUIDED, lora=str(tmp_path), **SMALL)
    one, two = (np.asarray(each.generate([sample()])[0]).astype(int) for each in (plain, adapted))
    assert np.abs(one - two).max() > 1


def test_a_guider_of_the_folder_is_kept(changed):
    def add(index):
        index["guider"] = component(name="ClassifierFreeGuidance", subfolder="guider")

    folder = changed(GUIDED, add)
    diffusers.ClassifierFreeGuidance(guidance_scale=2.5).save_pretrained(folder / "guider")
    method = built(folder, **SMALL)
    method.generate([sample()])
    assert method.pipeline.components["guider"].guidance_scale == 2.5
    assert "guidance_scale" not in method.call_record()["arguments"]
    with pytest.raises(BenchError, match="no argument guidance_scale"):
        built(folder, guidance=3.0)
