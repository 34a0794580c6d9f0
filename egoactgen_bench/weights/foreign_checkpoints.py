"""Reading PyTorch checkpoints of strangers: their tensors, and nothing of theirs is run."""

import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.stored_tensors import read_tensors

# Nothing of these would run; but a file that asks for them was made to attack, and is worth a word.
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
ATTACK_BUILTINS = frozenset(
    f"builtins.{name}" for name in ("eval", "exec", "compile", "open", "__import__", "input")
)


class Foreign:
    """What stands where a checkpoint holds an object of a class that is not PyTorch's own.

    It keeps what the file says of the object, as plain data: nothing is imported or called.
    """

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ForeignDict:
    """Stands for a subclass of dict: torch's reader fills items into plain dictionaries only."""

    def __new__(cls, *arguments: Any) -> Any:
        return OrderedDict()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The dictionary that `torch.save` wrote to `path`, its tensors mapped from disk, on the CPU.

    Of a safetensors file, its tensors, floating-point ones as float32.
    Objects of classes that are not PyTorch's own come as `Foreign`, subclasses of dict as plain
    dictionaries. A missing, broken or malicious file is a `BenchError`.
    """
    import torch

    if path.suffix == ".safetensors":
        return dict(read_tensors(path))
    if not path.is_file():
        raise BenchError(f"{path} does not exist.")
    zipped = zipfile.is_zipfile(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipped else []
            _refuse_attacks(path, names)
            with torch.serialization.safe_globals([(_stand_in(name), name) for name in names]):
                # Files from before PyTorch 1.6 are no archives and cannot be mapped.
                found = torch.load(path, map_location="cpu", mmap=zipped, weights_only=True)
    except BenchError:
        raise
    except Exception as error:  # a broken pickle can fail anywhere in the reader
        raise BenchError(
            f"{path} is no PyTorch checkpoint that can be read safely, or is cut short "
            f"({_first_sentence(error)}): compare its size and hash with its source's."
        ) from error
    if not isinstance(found, dict):
        raise BenchError(f"{path} holds a {type(found).__name__}, wanted a dictionary of tensors.")
    return found


def _refuse_attacks(path: Path, names: list[str]) -> None:
    for name in sorted(names):
        if name.partition(".")[0] in ATTACK_MODULES or name in ATTACK_BUILTINS:
            raise BenchError(
                f"{path} asks to run '{name}', which no checkpoint needs: it was not read and "
                "nothing of it was run. Get the file from a source you trust."
            )


def _stand_in(name: str) -> Any:
    module, _, own = name.rpartition(".")
    base = _ForeignDict if own.lower().endswith("dict") else Foreign
    return type(own, (base,), {"__module__": module})


def _first_sentence(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].split(". ")[0][:160]
