"""Writes files and folders atomically, reads JSON and CSV, and hashes files."""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoactgen_bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`, which atomically replaces `path` on success."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, as a rename is atomic only within one file system; hidden, so that no
    # pattern matches it; with a token, so that two processes never write to the same file.
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(4)}.tmp"
    try:
        yield temporary
        with temporary.open("rb") as stream:
            # Otherwise the rename may reach the disk before the content, and a power failure would
            # leave an empty file.
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it replaces `folder` and its contents."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name[:40]}."
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        yield new
        if folder.exists():
            # A folder cannot be renamed to one that is not empty; the old one is removed with the
            # temporary folder.
            folder.rename(Path(temporary) / "old")
        new.rename(folder)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` atomically as UTF-8 with LF line endings."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: indented, in the given key order, without NaN or infinity."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """The bytes that `write_json` writes."""
    # NaN and Infinity are not valid JSON: other programs could not read the file.
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises `BenchError` if it is missing or malformed."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError(f"{path} does not exist.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BenchError(f"{path} is not readable JSON ({error}).") from None


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table atomically: UTF-8, commas, LF line endings, shortest round-trip floats."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def read_csv(path: Path, **options: Any) -> "pd.DataFrame":
    """Read a table written by `write_csv`; empty cells of text columns stay empty strings.

    `options` are passed to `pandas.read_csv`; give the `dtype` of columns such as ids. Raises
    `BenchError` if the file is missing or malformed.
    """
    import pandas as pd

    try:
        # pandas' defaults would read words such as "null", "None" and "NA", which may be ids or
        # verbs, as NaN.
        table: pd.DataFrame = pd.read_csv(path, keep_default_na=False, na_values=[], **options)
        return table
    except FileNotFoundError:
        raise BenchError(f"{path} does not exist.") from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BenchError(f"{path} is not a readable table ({error}).") from None


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
