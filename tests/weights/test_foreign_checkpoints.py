"""Third-party checkpoints: tensors are read, other objects stay inert, attacks fail."""

import collections
import os
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
import torch

from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.foreign_checkpoints import Foreign, read_checkpoint
from egoactgen_bench.weights.stored_tensors import load_network, write_tensors


class Attack:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.fixture
def foreign_module(monkeypatch):
    """A module with classes that exist when saving, but not when reading."""
    module = types.ModuleType("far_away")

    class Config:
        def __init__(self):
            self.root, self.lr = pathlib.PurePosixPath("a/b"), 0.1

    class Slotted:
        __slots__ = ("value",)

    class AttributeDict(dict):
        pass

    for kind in (Config, Slotted, AttributeDict):
        kind.__module__, kind.__qualname__ = "far_away", kind.__name__
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "far_away", module)
    yield module
    assert "far_away" not in sys.modules


def test_tensors_are_read_and_other_objects_stay_inert(tmp_path, foreign_module, monkeypatch):
    weight = torch.arange(6.0).reshape(2, 3)
    slotted = foreign_module.Slotted()
    slotted.value = 3
    torch.save(
        {
            "state_dict": collections.OrderedDict({"module.w": weight, "half": weight.half()}),
            "callbacks": {foreign_module.Config: {"best": np.float64(0.5)}},
            "config": foreign_module.Config(),
            "slotted": slotted,
            "hyper_parameters": foreign_module.AttributeDict(lr=0.1),
            "counts": collections.defaultdict(list, a=[1]),
        },
        tmp_path / "x.ckpt",
    )
    monkeypatch.delitem(sys.modules, "far_away")
    found = read_checkpoint(tmp_path / "x.ckpt")
    assert torch.equal(found["state_dict"]["module.w"], weight)
    assert found["state_dict"]["half"].dtype == torch.float16
    assert isinstance(found["config"], Foreign)
    assert found["config"].state["lr"] == 0.1
    assert dict(found["hyper_parameters"]) == {"lr": 0.1}
    assert dict(found["counts"]) == {"a": [1]}
    assert not any(isinstance(known, tuple) for known in torch.serialization.get_safe_globals())


def test_structure_of_an_egovlp_checkpoint(shared):
    found = read_checkpoint(shared / "golden" / "egovlp_pickle_shape.pth")
    shapes = {name: tuple(tensor.shape) for name, tensor in found["state_dict"].items()}
    assert shapes == {"module.txt_proj.1.weight": (2, 3), "module.vid_proj.0.weight": (2, 3)}
    assert isinstance(found["config"], Foreign)
    assert found["config"].state["_config"]["name"] == "EgoClip"


def test_structure_of_a_lightning_checkpoint(shared):
    found = read_checkpoint(shared / "golden" / "upstream_tiny.ckpt")
    assert (len(found["state_dict"]), found["global_step"]) == (1691, 20000)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {}",)),
        (exec, ("open(r'{}', 'w')",)),
        (subprocess.check_call, (["touch", "{}"],)),
        (pathlib.Path.touch, (pathlib.Path("{}"),)),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_malicious_pickle_does_not_run(tmp_path, function, arguments, zipped):
    trap = tmp_path / "trap"
    filled = [
        [word.format(trap) for word in given]
        if isinstance(given, list)
        else type(given)(str(given).format(trap))
        for given in arguments
    ]
    attack = {"state_dict": {"w": torch.zeros(2)}, "config": Attack(function, *filled)}
    path = tmp_path / "bad.ckpt"
    torch.save(attack, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        BenchError, match=r"bad\.ckpt (tries to run|is truncated, or not a PyTorch checkpoint)"
    ):
        read_checkpoint(path)
    assert not trap.exists()


def test_files_of_old_pytorch_versions_are_read(tmp_path):
    torch.save({"w": torch.ones(3)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_checkpoint(tmp_path / "old.pth")["w"], torch.ones(3))


def test_broken_files_are_refused_in_one_sentence(tmp_path):
    torch.save({"w": torch.ones(3000)}, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    for name, data, sentence in (
        ("half", whole[: len(whole) // 2], "is truncated: it is the beginning of a PyTorch"),
        ("text", b"weights", "is truncated, or not a PyTorch checkpoint"),
        ("empty", b"", "is empty: download it again"),
        ("page", b"\n<html>", "is a web page"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BenchError, match=f"{name} {sentence}"):
            read_checkpoint(tmp_path / name)
    with pytest.raises(BenchError, match="does not exist"):
        read_checkpoint(tmp_path / "absent")
    torch.save([1], tmp_path / "list.pth")
    with pytest.raises(BenchError, match="contains a list"):
        read_checkpoint(tmp_path / "list.pth")


def test_tensors_of_another_network_are_refused_in_one_sentence(tmp_path):
    path = tmp_path / "other.safetensors"
    write_tensors(path, {"weight": torch.ones(3, 2), "more": torch.ones(1)})
    with pytest.raises(BenchError, match=r"other.safetensors does not fit the line: .*more"):
        load_network(torch.nn.Linear(2, 3), path, "the line", "cpu")
    write_tensors(path, {"weight": torch.ones(3, 2), "bias": torch.zeros(3)})
    network = load_network(torch.nn.Linear(2, 3), path, "the line", "cpu")
    assert not network.training
    assert network(torch.ones(1, 2)).tolist() == [[2, 2, 2]]
