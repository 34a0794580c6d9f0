"""The rows of the table: what a part measured, and in which setting."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from egoactgen_bench.support.files import write_csv

COLUMNS = ["what", "variant", "value", "unit", "reference", "ratio", "device", "versions"]
SETTING = ["device", "versions"]
FINISHED = "seconds"  # variant of the row that ends a part


@dataclass(frozen=True)
class Row:
    """One measurement of a part; `reference` is what it is compared with, in the same unit."""

    variant: str
    value: float
    unit: str
    reference: float | None = None

    def as_dict(self, what: str, setting: dict[str, str]) -> dict[str, object]:
        ratio = self.value / self.reference if self.reference else None
        found = {"what": what, **asdict(self), "ratio": ratio, **setting}
        return {name: found[name] for name in COLUMNS}


def append(path: Path, row: dict[str, object]) -> None:
    """Add a row to a file of JSON lines, at once: a part may be stopped at any time."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def collected(path: Path) -> Iterator[dict[str, object]]:
    """The complete rows of a file of JSON lines."""
    if path.is_file():
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def read_table(path: Path | None) -> pd.DataFrame:
    """The rows measured so far."""
    if path is None or not path.is_file():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(path)


def with_part(
    table: pd.DataFrame, what: str, setting: dict[str, str], rows: list[dict[str, object]]
) -> pd.DataFrame:
    """The table with the rows of a part; its earlier rows in this setting are dropped."""
    same = (table[["what", *SETTING]] == [what, *(setting[name] for name in SETTING)]).all(axis=1)
    made = pd.DataFrame(rows, columns=COLUMNS).astype({"reference": float, "ratio": float})
    parts = [part for part in (table[~same], made) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else table


def is_finished(table: pd.DataFrame, what: str, setting: dict[str, str]) -> bool:
    """Whether a part was measured to its end in this setting."""
    wanted = {"what": what, "variant": FINISHED, **setting}
    return bool((table[list(wanted)] == list(wanted.values())).all(axis=1).any())


def store(path: Path | None, table: pd.DataFrame) -> None:
    """Write the table, with four significant digits."""
    if path is None:
        return
    rounded = table.copy()
    for name in ("value", "reference", "ratio"):
        numbers = pd.to_numeric(rounded[name])
        rounded[name] = [float(f"{number:.4g}") for number in numbers]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(path, rounded)
