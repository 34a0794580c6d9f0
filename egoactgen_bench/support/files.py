"""Writes files atomically, reads JSON and CSV, and hashes files."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.replacing import replacing

if TYPE_CHECKING:
    import pandas as pd


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
