"""Reads PyTorch checkpoints from others: only their tensors; none of their code runs."""

import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.placeholder_files import refuse_placeholder
from egoactgen_bench.weights.model_folders import indexed_files
from egoactgen_bench.weights.stored_sizes import wrong_size
from egoactgen_bench.weights.stored_tensors import read_stored, read_tensors

# Nothing of these would run, but a file that refers to them is malicious: the user should know.
ATTACK_MODULES = frozenset(
    [
        "os",
        "posix",
        "nt",
        "sys",
        "subprocess",
        "commands",
        "pty",
        "socket",
        "shutil",
        "runpy",
        "importlib",
        "ctypes",
        "code",
    ]
)
COMPRESSED_CODE = 16 << 20  # bytes of a TorchScript archive's code, which is compressed
ATTACK_BUILTINS = frozenset(
    f"builtins.{name}" for name in ("eval", "exec", "compile", "open", "__import__", "input")
)


class Foreign:
    """Takes the place of a checkpoint's object whose class is not one of PyTorch's.

    Contains the object's pickled data as plain data: nothing is imported or called.
    """

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ForeignDict:
    """Takes the place of a subclass of dict: PyTorch sets items only of plain dictionaries."""

    def __new__(cls, *arguments: Any) -> Any:
        return OrderedDict()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The dictionary that `torch.save` wrote to `path`, with tensors on the CPU, memory-mapped.

    Objects of classes other than PyTorch's become `Foreign`, subclasses of dict become plain
    dictionaries. For a safetensors file, its tensors, floating-point ones as float32. Raises
    `BenchError` for a missing, broken or malicious file.
    """
    import torch

    if path.suffix == ".safetensors":
        return dict(read_tensors(path))
    zipped = check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipped else []
            _refuse_attacks(path, names)
            with torch.serialization.safe_globals([(_stand_in(name), name) for name in names]):
                # Files from before PyTorch 1.6 are not zip archives and cannot be mapped.
                found = torch.load(path, map_location="cpu", mmap=zipped, weights_only=True)
    except BenchError:
        raise
    except Exception as error:  # a broken pickle can fail anywhere in the reader
        raise _unreadable(path, error) from error
    if not isinstance(found, dict):
        raise BenchError(
            f"{path} contains a {type(found).__name__}, expected a dictionary of tensors."
        )
    return found


def read_source(source: Path) -> dict[str, Any]:
    """The tensors of a safetensors file or a checkpoint, or of all those that an index names.

    As they are stored; errors as of `read_checkpoint`, and for an index as of `indexed_files`.
    """
    files = indexed_files(source) if source.suffix == ".json" else [source]
    found: dict[str, Any] = {}
    for file in files:
        found |= read_stored(file) if file.suffix == ".safetensors" else read_checkpoint(file)
    return found


def check_archive(path: Path) -> bool:
    """Whether a checkpoint is a zip archive, as PyTorch writes since 1.6.

    Raises `BenchError` if it does not exist, if its members would unpack to much more than the file
    (PyTorch stores tensors uncompressed, so that only a bomb does), or if a tensor's data are cut.
    """
    if not path.is_file():
        raise BenchError(f"{path} does not exist.")
    refuse_placeholder(path)
    try:
        if not zipfile.is_zipfile(path):
            _refuse_cut_archive(path)
            return False
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            size = path.stat().st_size
            bomb = unpacked > 2 * size + COMPRESSED_CODE
            wrong = None if bomb else wrong_size(archive)
    except BenchError:
        raise
    except Exception as error:  # a damaged directory can fail anywhere in zipfile
        raise _unreadable(path, error) from error
    if bomb:
        raise BenchError(
            f"{path} has {size:,} bytes, but unpacks to {unpacked:,}: it is not a checkpoint of "
            "PyTorch, which stores tensors uncompressed. Get it from a source you trust."
        )
    if wrong is not None:
        raise BenchError(f"{path} is damaged: {wrong}. Compare its hash with the published one.")
    return True


def _refuse_cut_archive(path: Path) -> None:
    """Raise `BenchError` for the beginning of a zip archive, whose directory is at its end."""
    with path.open("rb") as stream:
        if stream.read(4) == b"PK\x03\x04":
            raise BenchError(
                f"{path} is truncated: it is the beginning of a PyTorch checkpoint. Download it "
                "again, and compare its size and hash with the published ones."
            )


def _unreadable(path: Path, error: Exception) -> BenchError:
    return BenchError(
        f"{path} is truncated, or not a PyTorch checkpoint that can be read safely "
        f"({_first_sentence(error)}): compare its size and hash with the published ones."
    )


def _refuse_attacks(path: Path, names: list[str]) -> None:
    for name in sorted(names):
        if name.partition(".")[0] in ATTACK_MODULES or name in ATTACK_BUILTINS:
            raise BenchError(
                f"{path} tries to run '{name}', which no checkpoint needs: it was not read, and "
                "none of its code was run. Get the file from a source you trust."
            )


def _stand_in(name: str) -> Any:
    module, _, own = name.rpartition(".")
    base = _ForeignDict if own.lower().endswith("dict") else Foreign
    return type(own, (base,), {"__module__": module})


def _first_sentence(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].split(". ")[0][:160]
