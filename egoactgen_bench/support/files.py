"""Writing files so that a finished one is never half there, and hashing them."""

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
    """Give a fresh path beside `path` to write to; on success it takes `path`'s place at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, since a rename is atomic within one file system only; hidden, so that no
    # pattern finds it; with a token, so that two processes never write to one file.
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(4)}.tmp"
    try:
        yield temporary
        with temporary.open("rb") as stream:
            # The rename may reach the disk before the content does: a power cut would leave an
            # empty file.
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; on success it replaces `folder` and all that was in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name[:40]}."
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        yield new
        if folder.exists():
            # A folder cannot be renamed over one that is not empty. What was there goes with the
            # temporary folder.
            folder.rename(Path(temporary) / "old")
        new.rename(folder)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` atomically as UTF-8 with plain newlines."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a manifest atomically: indented, in the given key order, non-finite numbers refused."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """The bytes of a manifest, as `write_json` writes them."""
    # NaN and Infinity are not JSON: other programs could not read the file.
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file; a missing or broken one is a `BenchError` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError(f"{path} does not exist.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BenchError(f"{path} is not readable JSON ({error}).") from None


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table atomically: UTF-8, comma, plain newlines, shortest round-trip floats."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def read_csv(path: Path, **options: Any) -> "pd.DataFrame":
    """Read a table of ours; an empty cell of a text column stays an empty string.

    `options` go to `pandas.read_csv`; name the `dtype` of columns such as ids.
    """
    import pandas as pd

    try:
        # pandas' defaults turn words such as "null", "None" and "NA", which ids and verbs may be,
        # into NaN.
        return pd.read_csv(path, keep_default_na=False, na_values=[], **options)
    except FileNotFoundError:
        raise BenchError(f"{path} does not exist.") from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BenchError(f"{path} is not a readable table ({error}).") from None


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
