"""Writes files atomically, reads JSON and CSV, and hashes files."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.regular_files import open_regular, reason
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


class RepeatedKeys(list[tuple[str, Any]]):
    """The keys and values of a JSON object in which a key occurs more than once."""


def read_json(path: Path, *, keep_repeated: bool = False) -> Any:
    """Read a JSON file. Raises `BenchError` if it is missing or malformed.

    With `keep_repeated`, an object with repeated keys is a `RepeatedKeys`, not a dictionary without
    the earlier values.
    """
    return _parsed(path, _content(path), _pairs if keep_repeated else None)


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any] | RepeatedKeys:
    found = dict(items)
    return found if len(found) == len(items) else RepeatedKeys(items)


def parse_json(
    text: str | bytes, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    """Parse JSON from anywhere, with or without a byte order mark.

    `pairs` makes the value of an object from its keys and values, instead of a dictionary. Raises
    `ValueError` for everything that is not JSON that can be written again: deep nesting, numbers
    with thousands of digits, and halves of characters, too.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python's limit, with advice on how to change it
        raise ValueError("a number has too many digits") from None
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a text contains half a character") from None
    return value


def _parsed(
    path: Path, data: bytes, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    try:
        return parse_json(data, pairs)
    except UnicodeDecodeError:
        raise BenchError(f"{path} is not encoded in UTF-8: save it as UTF-8.") from None
    except ValueError as error:
        raise BenchError(f"{path} is not readable JSON ({error}).") from None


def _content(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            return stream.read()
    except FileNotFoundError:
        raise BenchError(f"{path} does not exist.") from None
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({reason(error)}).") from None


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table atomically: UTF-8, commas, LF line endings, shortest round-trip floats."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def read_csv(path: Path, columns: Iterable[str] = (), **options: Any) -> "pd.DataFrame":
    """Read a table written by `write_csv`; empty cells of text columns stay empty strings.

    `columns` must be in the table. `options` are passed to `pandas.read_csv`; give the `dtype` of
    columns such as ids. Raises `BenchError` if the file is missing or malformed.
    """
    try:
        with open_regular(path) as stream:
            return read_table(stream, path, columns, **options)
    except FileNotFoundError:
        raise BenchError(f"{path} does not exist.") from None
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({reason(error)}).") from None


def read_table(
    stream: BinaryIO | IO[bytes], path: Path, columns: Iterable[str] = (), **options: Any
) -> "pd.DataFrame":
    """`read_csv` from an open file, such as one in an archive; `path` is its name in messages."""
    import pandas as pd

    try:
        _check_header(path, stream, columns)
        # pandas' defaults would read words such as "null", "None" and "NA", which may be ids or
        # verbs, as NaN.
        table: pd.DataFrame = pd.read_csv(stream, keep_default_na=False, na_values=[], **options)
        return table
    except UnicodeDecodeError:
        raise BenchError(f"{path} is not encoded in UTF-8: save it as UTF-8.") from None
    except (ValueError, OverflowError, csv.Error) as error:  # of pandas, too
        why = str(error).strip().partition("\n")[0]
        raise BenchError(f"{path} is not a readable table ({why}).") from None


def _check_header(path: Path, stream: BinaryIO | IO[bytes], columns: Iterable[str]) -> None:
    """Refuse a table that lacks a column or has one twice, which pandas would rename."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    lines = csv.reader(text)
    header, first = next(lines, []), next(lines, [])
    text.detach().seek(0)
    if missing := sorted(set(columns) - set(header)):
        raise BenchError(f"{path} lacks the column {', '.join(missing)}.")
    if len(set(header)) < len(header):
        raise BenchError(f"{path} is not a readable table (two columns have the same name).")
    if len(first) > len(header):  # pandas would take the first column for the names of the rows
        raise BenchError(f"{path} is not a readable table (a line has too many cells).")


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
