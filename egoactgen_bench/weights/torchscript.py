"""Reads TorchScript archives. PyTorch runs their code on loading, so it may not touch files."""

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.foreign_checkpoints import check_archive
from egoactgen_bench.weights.pretrained import refusing

CONSTANTS = "/constants.pkl"
# TorchScript has no way to start a program, but operators that read and write files. They have one
# name only, wherever it stands; other libraries' operators are under `ops.`.
FILE_OPERATORS = re.compile(r"\b(save|from_file|read_file|write_file|load_tensor)\b")
OTHER_OPERATORS = re.compile(r"\bops\s*\.\s*(?!(?:aten|prim)\b)(\w+)")


def is_torchscript(path: Path) -> bool:
    """Whether a file is an archive of `torch.jit.save`, rather than of `torch.save`."""
    return check_archive(path) and any(name.endswith(CONSTANTS) for name in _members(path))


def load_torchscript(path: Path) -> Any:
    """The module of an archive, on the CPU. Raises `BenchError` as `check_torchscript` does."""
    import torch

    check_torchscript(path)
    load: Any = torch.jit.load  # has no types
    with refusing(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch deprecates the format of this archive
        return load(str(path), map_location="cpu")


def check_torchscript(path: Path) -> None:
    """Raise `BenchError` unless a file is an archive whose code cannot read or write files."""
    if not is_torchscript(path):
        raise BenchError(
            f"{path} is not a complete TorchScript archive: compare its size and hash "
            "with the published ones."
        )
    for name, code in _sources(path):
        for pattern in (FILE_OPERATORS, OTHER_OPERATORS):
            if found := pattern.search(code):
                raise BenchError(
                    f"{path} contains code that could access files ('{found[1]}' in {name}): it "
                    "was not loaded. Get the file from a source you trust."
                )


def _members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def _sources(path: Path) -> list[tuple[str, str]]:
    """The name and text of each file of code."""
    with refusing(path), zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".py")]
        return [(name, archive.read(name).decode("utf-8")) for name in names]
