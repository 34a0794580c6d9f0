"""Offload, quantization, compilation, cache and LoRA of `diffusers:PATH`."""

import importlib
import json
import shutil
from importlib.util import find_spec
from types import SimpleNamespace

import diffusers
import numpy as np
import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from egoactgen_baselines.pipelines import pipeline_memory
from egoactgen_baselines.pipelines.diffusers_pipeline import DiffusersPipeline
from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.errors import BenchError
from recipe_requests import sample

NAME = "FluxKontextPipeline"
SMALL = {"width": 96, "height": 64, "steps": 2}


def pixels(built):
    return np.asarray(built.generate([sample()])[0]).astype(int)


@pytest.fixture(scope="module")
def adapter(saved, tmp_path_factory):
    """A random adapter of the tiny FLUX Kontext, as a training writes it."""
    torch.manual_seed(0)
    pipeline = diffusers.FluxKontextPipeline.from_pretrained(saved(NAME))
    network = pipeline.transformer
    network.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v"]))
    for name, tensor in network.named_parameters():
        if "lora" in name:
            tensor.data.normal_()
    folder = tmp_path_factory.mktemp("adapter")
    layers = get_peft_model_state_dict(network)
    pipeline.save_lora_weights(folder, transformer_lora_layers=layers)
    return folder


def test_an_adapter_changes_the_image_by_its_scale(method, adapter):
    plain = pixels(method(NAME, **SMALL))
    adapted = method(NAME, lora=str(adapter), **SMALL)
    assert np.abs(pixels(adapted) - plain).max() > 1
    none = method(NAME, lora=str(adapter), lora_scale=0, **SMALL)
    assert np.abs(pixels(none) - plain).max() <= 1
    assert list(adapted.sources()) == ["lora"]
    assert "peft" in adapted.packages
    assert "peft" not in method(NAME).packages


def test_an_adapter_that_does_not_fit_is_refused(method, adapter, tmp_path):
    file = adapter / "pytorch_lora_weights.safetensors"
    tensors = load_file(file)
    first = sorted(tensors)[0]
    cases = {
        "renamed": {k.replace("to_q", "to_x"): tensor for k, tensor in tensors.items()},
        "half": {k: tensor for k, tensor in tensors.items() if k != first},
        "foreign": {f"unet.{k}": tensor for k, tensor in tensors.items()},
        "empty": {},
    }
    for name, content in cases.items():
        path = tmp_path / f"{name}.safetensors"
        save_file(content, path)
        with pytest.raises(BenchError, match=rf"{name}\.safetensors"):
            _ = method(NAME, lora=str(path)).pipeline
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(file.read_bytes()[:100])
    (tmp_path / "adapter.bin").write_bytes(b"")
    for path, sentence in (
        (damaged, "damaged"),
        (tmp_path / "none.safetensors", "does not exist"),
        (tmp_path, r"contains \d+ \.safetensors files"),
        (tmp_path / "adapter.bin", "not a .safetensors file"),
    ):
        with pytest.raises(BenchError, match=sentence):
            method(NAME, lora=str(path))


def test_a_cache_skips_blocks_where_diffusers_knows_them(method, saved, tmp_path):
    folder = shutil.copytree(saved("QwenImageEditPipeline"), tmp_path / "deeper")
    small = diffusers.QwenImageTransformer2DModel.from_pretrained(folder / "transformer")
    deeper = type(small).from_config(dict(small.config) | {"num_layers": 3})
    deeper.save_pretrained(folder / "transformer")

    def method_on(**options):
        chosen = PipelineOptions(resolution=64, steps=6, **options)
        return DiffusersPipeline(chosen, MethodContext(argument=str(folder)))

    built = method_on(cache="first-block", cache_threshold=1.0)
    exact = pixels(method_on())
    cached = pixels(built)
    assert np.abs(cached - exact).max() > 0
    assert (pixels(built) == cached).all()  # a sample leaves nothing for the next
    with pytest.raises(BenchError, match="FluxKontextPipeline does not support a cache"):
        method(NAME, cache="first-block")


def test_compilation_is_of_the_denoiser_alone(method, monkeypatch):
    compiled = []
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self, *_, **__: compiled.append(type(self).__name__)
    )
    _ = method(NAME, compile=True).pipeline
    assert set(compiled) == {"FluxTransformerBlock", "FluxSingleTransformerBlock"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"offload": "model"}, "needs a GPU"),
        ({"offload": "sequential"}, "needs a GPU"),
        ({"quantization": "nf4"}, "needs a GPU; int8 also works"),
    ],
)
def test_what_needs_a_gpu_is_refused_before_loading(method, options, sentence):
    with pytest.raises(BenchError, match=sentence):
        method(NAME, **options)


def test_a_missing_package_is_named(method, monkeypatch):
    monkeypatch.setattr(pipeline_memory, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match="needs the package torchao: run pip install torchao"):
        method(NAME, quantization="int8")


@pytest.mark.parametrize("library", ["diffusers", "transformers"])
def test_denoisers_and_text_encoders_are_quantized_and_autoencoders_are_not(monkeypatch, library):
    source = importlib.import_module(library)
    monkeypatch.setattr(source, "TorchAoConfig", lambda config: (library, config))
    monkeypatch.setattr(source, "BitsAndBytesConfig", lambda **choices: choices)
    package = SimpleNamespace(Int8WeightOnlyConfig=lambda: "8 bit")
    monkeypatch.setattr(pipeline_memory, "import_module", lambda name: package)

    def config(kind, name):
        options = MemoryOptions(quantization=kind)
        return pipeline_memory.quantization(options, name, library, torch.bfloat16)

    for name in ("transformer", "transformer_2", "unet", "text_encoder", "text_encoder_2"):
        assert config("int8", name) == (library, "8 bit")
        assert config("nf4", name)["bnb_4bit_quant_type"] == "nf4"
        assert config("none", name) is None
    for name in ("vae", "image_encoder", "tokenizer"):
        assert config("int8", name) is config("nf4", name) is None


@pytest.mark.skipif(find_spec("torchao") is None, reason="needs the package torchao")
def test_int8_quantizes_denoiser_and_text_encoders(method):
    pipeline = method(NAME, quantization="int8").pipeline
    for name, changed in (("transformer", True), ("text_encoder_2", True), ("vae", False)):
        kinds = {type(each.weight).__name__ for each in getattr(pipeline, name).modules()
                 if isinstance(each, torch.nn.Linear)}  # fmt: skip
        assert ("Int8Tensor" in kinds) == changed, name
    assert np.isfinite(pixels(method(NAME, quantization="int8", **SMALL))).all()


class Placed:
    """Records how a pipeline is placed."""

    def __init__(self):
        self.calls = []

    def to(self, device):
        self.calls.append(("to", device))

    def enable_model_cpu_offload(self, device):
        self.calls.append(("model", device))

    def enable_sequential_cpu_offload(self, device):
        self.calls.append(("sequential", device))


@pytest.mark.parametrize(
    ("offload", "call"), [("none", "to"), ("model", "model"), ("sequential", "sequential")]
)
def test_offload_replaces_the_move_to_the_device(offload, call):
    placed = Placed()
    pipeline_memory.place(placed, MemoryOptions(offload=offload), "cuda:1")
    assert placed.calls == [(call, "cuda:1")]


def test_the_dtype_of_a_gpu_is_bfloat16(monkeypatch):
    assert DiffusersPipeline.default_dtype("cpu") == "float32"
    for supported, dtype in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda supported=supported: supported)
        assert DiffusersPipeline.default_dtype("cuda:0") == dtype


def test_run_json_records_options_and_adapter(bench, drawn_split, saved, adapter):
    options = ("steps=2", "width=96", "height=64", f"lora={adapter}", "lora_scale=0.5")
    call = ["run", "--method", f"diffusers:{saved(NAME)}", "--limit", 1, "--run", "mine"]
    for option in options:
        call += ["-o", option]
    result = bench(*call)
    assert result.status == 0, result.err
    manifest = json.loads((drawn_split.parents[1] / "runs/drawn-val/mine/run.json").read_text())
    resolved = manifest["options"]["resolved"]
    assert (resolved["lora_scale"], resolved["quantization"]) == (0.5, "none")
    assert "lora" not in resolved
    assert set(manifest["sources"]) == {"lora"}
    assert manifest["dtype"] == "float32"
    assert manifest["call"]["recipe"] == "flux-kontext"
    assert manifest["call"]["frame"] == "resized to the generated size"
    assert manifest["call"]["arguments"]["guidance_scale"] == 2.5
