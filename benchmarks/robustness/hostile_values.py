"""Seeded damage of manifests, tables, archives and folders, by somebody who knows their formats."""

import csv
import hashlib
import io
import json
import os
import random
import shutil
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "tests" / "helpers"))

from mutations import mutated  # shared with the tests of readers

OUTSIDE = "outside"  # a folder next to the workspace
SECRET = "SECRET-5f1c9a"  # a text in each of its files
RESULTS = ("few", "a", "b", "half", "standard", "few-best-of", "few-description", "copy-input")
TEXTS = (
    "",
    " ",
    "../x",
    "../../../../x",
    f"../../{OUTSIDE}/secret",
    f"../../../{OUTSIDE}/secret.png",
    f"../../../../{OUTSIDE}/secret.png",
    "/etc/passwd",
    "/dev/zero",
    ".",
    "..",
    ".hidden",
    "a/b",
    "a\\b",
    "a\x00b",
    "a\nb",
    "a\rb",
    "\x1b[31m",
    "ä",
    "\N{GRINNING FACE}",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp",
    "x" * 300,
    "x" * 70_000,
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{7*7}}{% raw %}",
    "${action}",
    "=1+1",
    "\\input{x}",
    "%s%n",
    "NaN",
    "null",
    "ok",
    "target",
    "nan",
    "inf",
    "-1",
    "1e400",
    "9" * 5000,
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**40,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    {"a": {}},
    [None],
    {"": ""},
    *TEXTS,
)


def damage(path: Path, outside: Path, source: random.Random) -> str:
    """Damage a file in one of many ways; returns what was done."""
    kinds = ["bytes", "file"]
    kinds += {".json": ["json"] * 4, ".csv": ["csv"] * 4, ".zip": ["zip"] * 6}.get(path.suffix, [])
    kind = source.choice(kinds)
    if kind == "file":
        return f"file: {replace_file(path, outside, source)}"
    data = path.read_bytes()
    path.write_bytes(damaged_content(data, path.suffix if kind != "bytes" else "", source))
    return kind


def damaged_content(data: bytes, suffix: str, source: random.Random) -> bytes:
    """The content of a file, changed once to three times within its format."""
    for _ in range(source.choice((1, 1, 2, 3))):
        if suffix == ".json":
            data = changed_json(data, source)
        elif suffix == ".csv":
            data = changed_csv(data, source)
        elif suffix == ".zip":
            data = changed_zip(data, source)
        else:
            return mutated(data, source.getrandbits(64))
    return data


def changed_json(data: bytes, source: random.Random) -> bytes:
    """Replace, remove, rename or repeat one value of a JSON document."""
    if source.random() < 0.05:
        return source.choice(
            (b"[" * 100_000, b"[" * 900 + b"]" * 900, b"9" * 5000, b"", b"\xef\xbb\xbf{}")
        )
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return mutated(data, source.getrandbits(64))
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            places.append((value, key))
            if isinstance(value[key], dict | list):
                collect(value[key])

    if not isinstance(document, dict | list) or not document or source.random() < 0.05:
        return json.dumps(source.choice(VALUES)).encode()
    collect(document)
    owner, key = source.choice(places)
    action = source.choice(("replace", "replace", "replace", "remove", "rename", "repeat", "deep"))
    if action == "replace":
        owner[key] = source.choice(VALUES)
    elif action == "remove":
        del owner[key]
    elif action == "rename" and isinstance(owner, dict):
        owner[source.choice(TEXTS)] = owner.pop(key)
    elif action == "repeat" and isinstance(owner, list):
        owner.append(owner[key])
    else:
        for _ in range(source.choice((10, 70, 300))):
            owner[key] = [owner[key]]
    try:
        text = json.dumps(document, indent=2, ensure_ascii=source.random() < 0.5)
    except RecursionError:  # nested too deeply to be written
        return b"[" * 5000
    return text.replace('"null"', r'"\ud800"').encode(errors="surrogatepass")


def changed_csv(data: bytes, source: random.Random) -> bytes:
    """Replace a cell, or remove, repeat, exchange or rename columns and lines of a table."""
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    except (ValueError, csv.Error):
        return mutated(data, source.getrandbits(64))
    if not lines or not lines[0]:
        return data
    row = source.randrange(len(lines))
    column = source.randrange(len(lines[0]))
    action = source.choice(
        ("cell",) * 6 + ("column", "header", "repeat", "remove", "longer", "swap")
    )
    cells = lines[row]
    if action == "cell" and column < len(cells):
        cells[column] = source.choice(TEXTS)
    elif action == "column":
        lines = [line[:column] + line[column + 1 :] for line in lines]
    elif action == "header":
        lines[0][column] = source.choice((*lines[0], *TEXTS))
    elif action == "repeat":
        lines.insert(row, cells)
    elif action == "remove":
        del lines[row]
    elif action == "longer":
        lines[row] = [*cells, source.choice(TEXTS)] if source.random() < 0.5 else cells[:column]
    else:
        lines[row], lines[-1] = lines[-1], lines[row]
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(lines)
    return stream.getvalue().encode("utf-8", "replace")


def changed_zip(data: bytes, source: random.Random) -> bytes:
    """Change one member of an archive, mostly with its new sha256 in pack.json."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        name = source.choice([name for name in files if not name.endswith(".png")])
        suffix = Path(name).suffix
        files[name] = damaged_content(files[name], suffix, source)
        if source.random() < 0.1:
            files[source.choice(TEXTS)] = files.pop(source.choice(list(files)))
        if source.random() < 0.8 and name != "pack.json":
            manifest = json.loads(files["pack.json"])
            manifest["files"][name] = hashlib.sha256(files[name]).hexdigest()
            files["pack.json"] = json.dumps(manifest).encode()
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", source.choice((0, zipfile.ZIP_DEFLATED))) as archive:
            for name, content in files.items():
                archive.writestr(name or "x", content)
        return stream.getvalue()
    except (
        zipfile.BadZipFile, struct.error, ValueError, KeyError, TypeError, OSError, RecursionError,
    ):  # fmt: skip
        return mutated(data, source.getrandbits(64))


def replace_file(path: Path, outside: Path, source: random.Random) -> str:
    """Put something else in the place of a file, or a link in the place of a folder above it."""
    what = source.choice(
        ("secret", "secret", "fifo", "folder", "dangling", "loop", "none", "above")
    )
    if what == "above" and path.parent.name not in RESULTS:
        shutil.move(path.parent, outside / "moved")
        path.parent.symlink_to(outside / "moved")
        return what
    path.unlink()
    if what == "secret":
        path.symlink_to(outside / f"secret{path.suffix}")
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "dangling":
        path.symlink_to(outside / "nothing")
    elif what == "loop":
        path.symlink_to(path.name)
    return what
