"""Whether the tensor data in a PyTorch archive have the sizes that its pickle states.

PyTorch does not compare them when it maps a checkpoint into memory or loads TorchScript: a tensor
whose data were cut off continues with the bytes that follow, whatever they are.
"""

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

ITEM_SIZES = {
    "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8,
    "DoubleStorage": 8,
    "LongStorage": 8,
    "FloatStorage": 4,
    "IntStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
    "UntypedStorage": 1,
}
PICKLES = ("data.pkl", "constants.pkl")
GET, PUT = ("BINGET", "LONG_BINGET", "GET"), ("BINPUT", "LONG_BINPUT", "PUT")


def wrong_size(archive: zipfile.ZipFile) -> str | None:
    """What is wrong with the first member whose size differs from the stated one, or None."""
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    for name in sizes:
        path = PurePosixPath(name)
        if path.name not in PICKLES:
            continue
        for key, expected in _storages(archive.read(name)):
            member = str(path.with_suffix("") / key)
            found = sizes.get(member)
            if found is None:
                return f"it lacks {member}, the data of a tensor"
            if found != expected:
                return f"{member}, the data of a tensor, has {found:,} of {expected:,} bytes"
    return None


def _storages(pickled: bytes) -> Iterator[tuple[str, int]]:
    """The key and size in bytes of each storage that a pickle names.

    It names them as the persistent id ("storage", type, key, device, count). Nothing is unpickled:
    the opcodes that form such tuples are read one by one.
    """
    memo: dict[Any, Any] = {}
    values: list[Any] = []  # pushed since the last mark
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name == "MARK":
                values = []
            elif opcode.name == "BINPERSID":
                if (storage := _storage(values)) is not None:
                    yield storage
            elif opcode.name in GET:
                values.append(memo.get(argument))
            elif opcode.name in PUT:
                memo[argument] = values[-1] if values else None
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = values[-1] if values else None
            elif opcode.name == "STACK_GLOBAL":
                values[-2:] = [f"{values[-2]} {values[-1]}"] if len(values) > 1 else []
            elif isinstance(argument, str | int):
                values.append(argument)
    except Exception:  # noqa: BLE001  PyTorch's reader names what is damaged
        return


def _storage(values: list[Any]) -> tuple[str, int] | None:
    match values[-5:]:
        case ["storage", str(kind), str(key), str(), int(count)]:
            size = ITEM_SIZES.get(kind.rpartition(" ")[2])
            return None if size is None else (key, size * count)
    return None
