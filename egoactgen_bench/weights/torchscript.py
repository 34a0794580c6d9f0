"""Reads TorchScript archives. PyTorch runs their code on loading, so it may not touch files."""

import json
import re
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.foreign_checkpoints import check_archive
from egoactgen_bench.weights.pretrained import refusing

# sha256 of NVIDIA's Inception and OpenAI's CLIP ViT-L/14.
PUBLISHED = frozenset(
    {
        "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
        "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
    }
)
TRIAL = """
import json, operator, sys, torch
path, shape, part = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
module = torch.jit.load(path, map_location="cpu")
if shape:
    (operator.attrgetter(part)(module) if part else module)(torch.zeros(shape))
"""
TRIAL_SECONDS = 120
CONSTANTS = "/constants.pkl"
# TorchScript has no way to start a program, but operators that read and write files. They have one
# name only, wherever it stands; other libraries' operators are under `ops.`.
FILE_OPERATORS = re.compile(r"\b(save|from_file|read_file|write_file|load_tensor)\b")
OTHER_OPERATORS = re.compile(r"\bops\s*\.\s*(?!(?:aten|prim)\b)(\w+)")


def is_torchscript(path: Path) -> bool:
    """Whether a file is an archive of `torch.jit.save`, rather than of `torch.save`."""
    return check_archive(path) and any(name.endswith(CONSTANTS) for name in _members(path))


def load_torchscript(path: Path) -> Any:
    """The module of an archive, on the CPU. Raises `BenchError` as the two checks below do."""
    import torch

    check_torchscript(path)
    check_execution(path)
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


def check_execution(path: Path, shape: Sequence[int] = (), part: str = "") -> None:
    """Raise `BenchError` if loading an archive, or calling it, ends the process.

    PyTorch executes the archive's code without checking it, so that a damaged one can crash Python.
    A file whose hash is not that of published weights is therefore tried in another process first;
    if `shape` is given, its module `part` (default: the whole) is called with zeros of that shape.
    """
    digest = content_digest(path)
    if digest not in PUBLISHED:
        _refuse_crash(path, _try(digest, str(path), tuple(shape), part))


# By content, as one command needs the same file several times.
_TRIED: dict[tuple[str, tuple[int, ...], str], int | None] = {}


def _try(digest: str, path: str, shape: tuple[int, ...], part: str) -> int | None:
    key = digest, shape, part
    if key not in _TRIED:
        _TRIED[key] = execute(path, shape, part)
    return _TRIED[key]


def _refuse_crash(path: Path, code: int | None) -> None:
    if code is None:
        raise BenchError(
            f"{path} is damaged: its code does not end within {TRIAL_SECONDS} s. Download it again."
        )
    if code < 0:  # ended by a signal; exceptions are reported when the file is loaded
        raise BenchError(f"{path} is damaged: executing its code crashes. Download it again.")


def execute(path: str, shape: Sequence[int], part: str) -> int | None:
    """The exit status of another process that loads and calls an archive; None if it hangs."""
    call = [sys.executable, "-c", TRIAL, path, json.dumps(shape), part]
    try:
        return subprocess.run(call, capture_output=True, timeout=TRIAL_SECONDS).returncode
    except subprocess.TimeoutExpired:
        return None


def _members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def _sources(path: Path) -> list[tuple[str, str]]:
    """The name and text of each file of code."""
    with refusing(path), zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".py")]
        return [(name, archive.read(name).decode("utf-8")) for name in names]
