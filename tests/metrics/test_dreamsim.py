"""DreamSim compared with the dreamsim package and with peft; refused adapters."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from safetensors.torch import save, save_file

from dreamsim_package import RECORD, frames, package_distances
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.dreamsim import ADAPTER, BACKBONE, UNPACKED, DreamSim
from egoactgen_bench.metrics.dreamsim_adapter import merged
from egoactgen_bench.metrics.dreamsim_network import load_dreamsim
from egoactgen_bench.support.files import read_json, write_json
from small_dreamsim import CONFIG, PREFIX, adapter, backbone, write_archive, write_small_dreamsim

NAME = f"{PREFIX}blocks.0.attn.qkv.lora_A.weight"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dreamsim")
    write_small_dreamsim(folder)
    return folder


def distances(weights: Path) -> Any:
    metric = DreamSim(DreamSim.Options(), MetricContext(weights=weights))
    return metric.measure(Batch(frames()))[:, 0]


def test_it_agrees_with_the_dreamsim_package(weights: Path) -> None:
    """Recorded by `python tests/helpers/dreamsim_package.py`."""
    record = read_json(RECORD)
    assert record["program"] == "dreamsim 0.2.1"
    assert_allclose(distances(weights), record["distances"], atol=2e-6)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_the_record_is_what_the_package_computes(tmp_path: Path) -> None:
    pytest.importorskip("dreamsim", reason="dreamsim 0.2.1 is not installed")
    assert_allclose(package_distances(tmp_path), read_json(RECORD)["distances"], atol=2e-6)


def test_the_adapter_matters(weights: Path, tmp_path: Path) -> None:
    write_small_dreamsim(tmp_path)
    none = {name: torch.zeros_like(tensor) for name, tensor in adapter().items()}
    write_archive(tmp_path / ADAPTER.name, CONFIG, save(none))
    assert np.abs(distances(tmp_path) - distances(weights)).min() > 1e-3


def test_merged_weights_are_those_of_peft(weights: Path) -> None:
    from peft import LoraConfig, get_peft_model

    state = backbone()
    weight = state["blocks.0.attn.qkv.weight"]
    module = torch.nn.ModuleDict({"qkv": torch.nn.Linear(*reversed(weight.shape), bias=False)})
    module["qkv"].weight.data = weight.clone()
    options = {key: CONFIG[key] for key in ("r", "lora_alpha", "lora_dropout", "bias")}
    model: Any = get_peft_model(module, LoraConfig(target_modules=["qkv"], **options))  # type: ignore[arg-type]
    layer = model.base_model.model["qkv"]
    for half in "AB":
        tensor = adapter()[f"{PREFIX}blocks.0.attn.qkv.lora_{half}.weight"]
        getattr(layer, f"lora_{half}")["default"].weight.data = tensor
    expected = model.merge_and_unload()["qkv"].weight
    found = merged(state, weights / ADAPTER.name)["blocks.0.attn.qkv.weight"]
    assert_allclose(found, expected.detach(), atol=1e-6)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin"])
def test_an_unpacked_adapter_gives_the_same_distances(
    weights: Path, tmp_path: Path, name: str
) -> None:
    write_small_dreamsim(tmp_path)
    (tmp_path / ADAPTER.name).unlink()
    folder = tmp_path / UNPACKED
    folder.mkdir()
    write_json(folder / "adapter_config.json", CONFIG)
    save = save_file if name.endswith("safetensors") else torch.save
    save(adapter(), folder / name)
    assert_allclose(distances(tmp_path), distances(weights), atol=0)


def test_other_adapters_are_refused_in_one_sentence(weights: Path, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], dict[str, torch.Tensor], str]] = [
        ({"peft_type": "IA3"}, adapter(), "is not DreamSim's adapter"),
        ({"use_dora": True}, adapter(), "with use_dora"),
        ({"bias": "all"}, adapter(), "a plain LoRA without biases"),
        ({"r": 2}, adapter(), "states a rank of 2, but 'blocks..*' has 4"),
        ({"lora_alpha": None}, adapter(), "states no rank and scale"),
        ({}, {"some.weight": torch.zeros(1)}, "contains 'some.weight'"),
        ({}, {NAME: adapter()[NAME]}, "does not fit .*'B'"),
        ({}, adapter(depth=13), "does not fit .*it adapts 'blocks.12.attn.qkv'"),
        ({}, adapter(depth=11), "does not fit .*it does not adapt 'blocks.11.attn.qkv'"),
        ({"lora_alpha": float("inf")}, adapter(), "states no rank and scale"),
        ({}, adapter() | {NAME: torch.zeros(4, 32)}, "does not fit"),
    ]
    path = tmp_path / "adapter.zip"
    for config, tensors, sentence in cases:
        write_archive(path, CONFIG | config, save(tensors))
        load_dreamsim.cache_clear()
        with pytest.raises(BenchError, match=sentence):
            load_dreamsim(weights / BACKBONE.name, path)
    for content, sentence in (
        (b"PK cut short", "cannot be loaded"),
        ((weights / ADAPTER.name).read_bytes()[:5000], "cannot be loaded"),
    ):
        path.write_bytes(content)
        with pytest.raises(BenchError, match=sentence):
            load_dreamsim(weights / BACKBONE.name, path)


def test_an_archive_with_a_pickled_adapter_or_a_bomb_is_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zipfile import ZipFile

    path = tmp_path / "adapter.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{UNPACKED}/adapter_config.json", "{}")
        archive.writestr(f"{UNPACKED}/adapter_model.bin", b"")
    with pytest.raises(BenchError, match=f"unpacked folder {UNPACKED} is read"):
        load_dreamsim(weights / BACKBONE.name, path)
    monkeypatch.setattr("egoactgen_bench.metrics.dreamsim_adapter.LARGEST", 1000)
    with pytest.raises(BenchError, match="unpacks to more than an adapter has"):
        load_dreamsim(weights / BACKBONE.name, weights / ADAPTER.name, "meta")


def test_another_backbone_is_refused(weights: Path, tmp_path: Path) -> None:
    state = backbone()
    for changed, sentence in (
        ({"pos_embed": state["pos_embed"][:, :-1]}, "does not fit DINO's vision transformer"),
        ({"head.weight": torch.zeros(2)}, "does not fit DINO's vision transformer.*head"),
    ):
        torch.save(state | changed, tmp_path / "other.pth")
        with pytest.raises(BenchError, match=sentence):
            load_dreamsim(tmp_path / "other.pth", weights / ADAPTER.name)
