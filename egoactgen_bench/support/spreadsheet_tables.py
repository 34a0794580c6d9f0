"""Reads CSV files as spreadsheets save them: with other separators, encodings and cut lines."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.regular_files import open_regular, reason

SEPARATORS = (",", ";", "\t")  # Excel writes ';' where ',' is the decimal separator
BYTE_ORDER_MARKS = (  # the longer ones first: UTF-32's starts with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LONGEST_CELL = 1 << 24


@dataclass(frozen=True)
class TableKind:
    """What a table is: its name in messages, its columns, and where to get it."""

    noun: str
    needed: tuple[str, ...]
    origin: str  # "download the batch's results"

    @property
    def remedy(self) -> str:
        return f"{self.origin} again, or save the table as 'CSV UTF-8'"


def read_rows(path: Path, kind: TableKind) -> Iterator[tuple[int, dict[str, str] | str]]:
    """The line number of each row and its cells by column name, or a text why it has none.

    Cells that are cut off at the end of a line are empty; lines without any text are skipped.
    Raises `BenchError` if the file cannot be read, or its first line lacks a column.
    """
    with _longer_cells(), _opened(path, kind) as stream:
        first = stream.readline(LONGEST_CELL)
        above = int(first.startswith("sep="))  # Excel's own line, which names the separator
        separator, header = _header(path, stream.readline(LONGEST_CELL) if above else first, kind)
        lines = csv.reader(stream, delimiter=separator)
        for cells in lines:
            if any(cell.strip() for cell in cells):
                yield lines.line_num + above + 1, _by_name(header, cells)


def decimal(cell: str) -> float:
    """A number with a decimal point or comma. Raises `ValueError` for others, such as "1,500",
    whose comma may group thousands."""
    cell = cell.strip()
    comma = re.fullmatch(r"[+-]?\d+,(\d{1,2}|\d{4,})", cell)
    return float(cell.replace(",", ".") if comma else cell)


@contextmanager
def _longer_cells() -> Iterator[None]:
    """Raise csv's limit of 128 KiB: a crowd-form puts all answers of a task into one cell."""
    usual = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(usual)  # of the whole process


@contextmanager
def _opened(path: Path, kind: TableKind) -> Iterator[io.TextIOWrapper]:
    """The file as text; every error of reading it becomes a `BenchError`."""
    try:
        with open_regular(path) as binary:
            start = binary.read(4)
            binary.seek(0)
            encoding = next((e for mark, e in BYTE_ORDER_MARKS if start.startswith(mark)), "utf-8")
            yield io.TextIOWrapper(binary, encoding=encoding, newline="")
    except FileNotFoundError:
        raise BenchError(f"{path} does not exist.") from None
    except UnicodeError:
        # Not read as Windows-1252: other code pages look the same, and comments would be garbled.
        raise BenchError(
            f"{path} is not a readable {kind.noun} (its encoding is neither UTF-8 nor UTF-16): "
            f"{kind.remedy}."
        ) from None
    except csv.Error as error:
        raise BenchError(
            f"{path} is not a readable {kind.noun} ({error}): {kind.remedy}."
        ) from None
    except OSError as error:
        if path.is_dir():
            raise BenchError(f"{path} is a folder: pass a {kind.noun} in it.") from None
        raise BenchError(f"{path} cannot be read ({reason(error)}).") from None


def _header(path: Path, line: str, kind: TableKind) -> tuple[str, list[str]]:
    """The separator and the names of the columns, "" for columns without a name."""
    if "\0" in line:
        raise UnicodeError("UTF-16 without a byte order mark")
    parsed = {
        separator: [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
        for separator in SEPARATORS
    }
    separator = max(parsed, key=lambda each: len(set(kind.needed) & set(parsed[each])))
    header = parsed[separator]
    if missing := [column for column in kind.needed if column not in header]:
        raise BenchError(
            f"{path} is not a {kind.noun}: it lacks the column {', '.join(missing)}. "
            f"{kind.origin[0].upper()}{kind.origin[1:]} as CSV."
        )
    names = [name for name in header if name]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BenchError(f"{path} has two columns named '{twice[0]}': {kind.remedy}.")
    return separator, header


def _by_name(header: Sequence[str], cells: Sequence[str]) -> dict[str, str] | str:
    if any(cell.strip() for cell in cells[len(header) :]):
        return f"{len(cells)} cells, expected {len(header)}"
    # Some spreadsheets leave out the empty cells at the end of a line.
    full = [*cells, *[""] * (len(header) - len(cells))]
    return {name: cell for name, cell in zip(header, full, strict=False) if name}
