"""Damaged files of weights through their readers: one sentence that names the file, or tensors."""

import json
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from egoactgen_bench.boxes.epic_detections import read_detections
from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights import torchscript
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint, read_source
from egoactgen_bench.weights.model_folders import check_folder_files, indexed_files
from egoactgen_bench.weights.stored_tensors import read_tensors
from egoactgen_bench.weights.torchscript import load_torchscript
from egoactgen_lego.features.feature_files import read_states
from egoactgen_lego.vllm import vllm_model
from mutations import mutations
from tiny_vllm import write_tiny_vllm

EXECUTE = torchscript.execute  # not in a fork, as in other tests
STATE = {"state_dict": {"a": torch.ones(5, 3), "b": torch.ones(7).half(), "c": torch.arange(4)}}


def write(path):
    """A small file in the format that its name tells."""
    match path.name:
        case "zipped.ckpt":
            torch.save(STATE, path)
        case "old.ckpt":
            torch.save(STATE, path, _use_new_zipfile_serialization=False)
        case "script.pt":
            torch.jit.script(torch.nn.Linear(2, 3)).save(path)
        case "states.npy":
            np.save(path, np.ones((4, 8), np.float16))
        case "detections.pkl":
            path.write_bytes(pickle.dumps([b"\x10\x05"] * 3))
        case "model.safetensors.index.json":
            path.write_text(json.dumps({"weight_map": {"a": "a.bin", "b": "a.bin"}}))
            torch.save(STATE["state_dict"], path.with_name("a.bin"))
        case "config.json":
            path.write_text(json.dumps({"num_hidden_layers": 2, "list": [{"a": 1.5}], "name": "x"}))
        case _:
            save_file({"states": torch.ones(4, 8)}, path)
    return path


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("zipped.ckpt", read_checkpoint),
        ("old.ckpt", read_checkpoint),
        ("script.pt", load_torchscript),
        ("model.safetensors", read_tensors),
        ("states.safetensors", read_states),
        ("states.npy", lambda path: np.array(read_states(path))),
        ("detections.pkl", read_detections),
        ("model.safetensors.index.json", indexed_files),
        ("model.safetensors.index.json", read_source),
        ("config.json", lambda path: check_folder_files(path.parent)),
    ],
)
def test_damage_is_an_error_that_names_the_file(tmp_path, name, read):
    path = write(tmp_path / name)
    read(path)
    outcomes = set()
    for damaged in mutations(path.read_bytes(), 60, name):
        path.write_bytes(damaged)
        try:
            read(path)
            outcomes.add("read")
        except BenchError as error:
            assert str(tmp_path) in str(error)
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert "refused" in outcomes


def test_an_index_that_names_a_file_no_file_system_allows(tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "x" * 70_000}}))
    with pytest.raises(BenchError, match=r"names a file 'x{40}…': download it again") as caught:
        indexed_files(index)
    assert str(index) in str(caught.value)


@pytest.mark.parametrize("template", [None, "", "{% for", "<image><image>"])
def test_a_vllm_whose_chat_template_does_not_show_one_image(tmp_path, template):
    folder = write_tiny_vllm(tmp_path / "vllm")
    path = folder / "chat_template.jinja"
    path.unlink() if template is None else path.write_text(template)
    with pytest.raises(BenchError) as caught:
        vllm_model.load(folder, "cpu", torch.float32)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def with_cut_storage(path, member):
    """The archive with only the first bytes of a tensor's data, closed correctly."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data[:4] if name.endswith(member) else data)
    return path


@pytest.mark.parametrize(
    ("name", "read"), [("zipped.ckpt", read_checkpoint), ("script.pt", load_torchscript)]
)
def test_cut_data_of_a_tensor_are_an_error(tmp_path, name, read):
    """PyTorch would fill the tensor with the bytes that follow, whatever they are."""
    path = with_cut_storage(write(tmp_path / name), "/data/0")
    with pytest.raises(BenchError, match=r"damaged: \w+/data/0, .* has 4 of \d+ bytes"):
        read(path)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.int32, torch.bool])
def test_intact_data_of_every_type_are_read(tmp_path, kind):
    stored = {"a": torch.ones(3, 2).to(kind), "b": torch.ones(0), "shared": torch.ones(4)[1:]}
    torch.save(stored, tmp_path / "x.ckpt")
    found = read_checkpoint(tmp_path / "x.ckpt")
    assert all(torch.equal(found[name], tensor) for name, tensor in stored.items())


@pytest.mark.parametrize(
    ("code", "sentence"), [(-11, "executing its code crashes"), (None, "does not end within")]
)
def test_code_that_crashes_or_hangs_is_refused(tmp_path, monkeypatch, code, sentence):
    path = write(tmp_path / "script.pt")
    monkeypatch.setattr(torchscript, "_TRIED", {})
    monkeypatch.setattr(torchscript, "execute", lambda *_: code)
    with pytest.raises(BenchError, match=rf"script\.pt is damaged: .*{sentence}"):
        load_torchscript(path)


def test_the_trial_survives_a_crash(tmp_path):
    """Without the check of sizes, this archive ends the process."""
    path = with_cut_storage(write(tmp_path / "script.pt"), "/data/1")
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, b"" if name.endswith("/data/1") else data)
    assert EXECUTE(str(path), (1, 2), "") < 0
    assert EXECUTE(str(write(tmp_path / "script.pt")), (1, 2), "") == 0
