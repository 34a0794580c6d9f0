"""Seeded damage of files of weights, by chance and by somebody who knows their formats."""

import io
import json
import os
import pickle
import random
import zipfile
from pathlib import Path

from benchmarks.robustness.hostile_values import damaged_content, mutated

MARK = "executed"  # a file that code of the weights would write, next to them
CODE = f"open({MARK!r}, 'w').write('x')\n"
NUMBERS = (b"\xff\xff", b"\x00\x7c", b"\x00\x00\x80\x7f", b"\xff\xff\xff\x7f", b"\0\0")


class Attack:
    """Writes the mark when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (CODE,)


def damage(folder: Path, source: random.Random) -> tuple[Path, str]:
    """Damage one file of a folder; returns the file and what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    # Each suffix is equally likely: most tensors are in one file, most files are small.
    suffix = source.choice(sorted({path.suffix for path in files}))
    path = source.choice([path for path in files if path.suffix == suffix])
    kinds = ["bytes", "file", "code"]
    if suffix in (".json", ".safetensors", ".pth", ".pt", ".bin"):
        kinds += ["format"] * 5
    kind = source.choice(kinds)
    if kind == "file":
        return path, f"file: {_replace(path, source)}"
    if kind == "code":
        return path, f"code: {_add_code(path, source)}"
    data = path.read_bytes()
    path.write_bytes(_changed(data, suffix, source) if kind == "format"
                     else mutated(data, source.getrandbits(64)))  # fmt: skip
    return path, kind


def _changed(data: bytes, suffix: str, source: random.Random) -> bytes:
    if suffix == ".json":
        return damaged_content(data, suffix, source)
    if suffix == ".safetensors":
        return _changed_safetensors(data, source)
    return _changed_archive(data, source)


def _changed_safetensors(data: bytes, source: random.Random) -> bytes:
    """Another header, or NaN, infinity or zeros among the numbers."""
    size = int.from_bytes(data[:8], "little")
    header, numbers = data[8 : 8 + size], data[8 + size :]
    if source.random() < 0.3:
        place = source.randrange(0, len(numbers) - 4, 4)
        new = source.choice(NUMBERS)
        return data[: 8 + size] + numbers[:place] + new + numbers[place + len(new) :]
    stated = damaged_content(header, ".json", source)
    if source.random() < 0.3:
        content = json.loads(header)
        names = [name for name in content if name != "__metadata__"]
        one, other = source.choice(names), source.choice(names)
        content[one], content[other] = content[other], content[one]
        stated = json.dumps(content).encode()
    return len(stated).to_bytes(8, "little") + stated + numbers


def _changed_archive(data: bytes, source: random.Random) -> bytes:
    """One changed, removed or renamed member of a zip archive."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return mutated(data, source.getrandbits(64))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = source.choice(list(members))
    action = source.choice(("change", "change", "remove", "rename", "append"))
    if action == "change":
        members[name] = mutated(members[name], source.getrandbits(64))
    elif action == "append":
        members[name] += source.randbytes(100)
    else:
        content = members.pop(name)
        if action == "rename":
            members[f"../{name}"] = content
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return stream.getvalue()


def _replace(path: Path, source: random.Random) -> str:
    """Something else in the place of a file."""
    what = source.choice(("none", "empty", "folder", "fifo", "dangling", "loop", "lfs"))
    path.unlink()
    if what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "dangling":
        path.symlink_to("nowhere")
    elif what == "loop":
        path.symlink_to(path.name)
    elif what == "lfs":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    return what


def _add_code(path: Path, source: random.Random) -> str:
    """A pickle that runs code in the place of the file, or a module that the config names."""
    if path.suffix == ".json" and source.random() < 0.7:
        (path.parent / "own.py").write_text(CODE)
        content = json.loads(path.read_text())
        if isinstance(content, dict):
            content["auto_map"] = {"AutoModel": "own.Model", "AutoTokenizer": ["own.T", None]}
            content["trust_remote_code"] = True
        path.write_text(json.dumps(content))
        return "module"
    path.write_bytes(pickle.dumps({"state_dict": Attack()}))
    return "pickle"
