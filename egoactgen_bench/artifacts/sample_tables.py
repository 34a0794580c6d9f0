"""Checks of a samples.csv when it is read: its ids and file names come from anywhere."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.safe_names import SAFE_ID, is_safe_id

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def frame_stem(role: str) -> Callable[[str], str]:
    """Sample id → the path of its frame without the suffix, relative to the split."""
    return lambda sample_id: f"frames/{sample_id}/{role}"


def image_stem(sample_id: str) -> str:
    """The path of a sample's image without the suffix, relative to the run."""
    return f"images/{sample_id}"


def check_ids(path: Path, sample_ids: Iterable[str]) -> None:
    """Raise `BenchError` for sample ids that are not safe file names, or not unique."""
    ids = sample_ids.tolist() if isinstance(sample_ids, pd.Series) else list(sample_ids)
    if len(set(ids)) == len(ids) and all(map(SAFE_ID.fullmatch, ids)):
        return  # the usual case, without a loop in Python: commands begin with it
    seen: set[str] = set()
    for sample_id in ids:
        if not is_safe_id(sample_id):
            raise BenchError(
                f"{path} contains the sample id {sample_id[:80]!r}: ids consist of at most 128 "
                "letters, digits, '.', '_' and '-'."
            )
        if sample_id in seen:
            raise BenchError(f"{path} contains the sample '{sample_id}' twice.")
        seen.add(sample_id)


def check_count(path: Path, samples: pd.DataFrame, recorded: int | None, manifest: str) -> None:
    """Raise `BenchError` for a table with more or fewer samples than its manifest records."""
    if recorded is not None and len(samples) != recorded:
        raise BenchError(
            f"{path} contains {len(samples):,} samples, but {manifest} records {recorded:,}: "
            "restore the file, or make the folder again."
        )


def check_files(
    path: Path, samples: pd.DataFrame, column: str, hashed: str, stem: Callable[[str], str]
) -> None:
    """Raise `BenchError` unless each file named in `column` is the sample's own, with its sha256.

    A sample's own file is `stem(sample_id)` with a suffix of `SUFFIXES`. Cells may be empty.
    """
    ids, names, hashes = (samples[name].tolist() for name in ("sample_id", column, hashed))
    if names == [f"{stem(each)}.png" for each in ids] and _are_sha256(hashes):
        return
    for sample_id, name, sha256 in zip(ids, names, hashes, strict=True):
        own = stem(sample_id)
        if name and not (name.startswith(own) and name[len(own) :] in SUFFIXES):
            raise BenchError(
                f"{path} names {name[:80]!r} as {column} of sample '{sample_id}', which is not its "
                f"own file {own}.png."
            )
        if name and not _SHA256.fullmatch(sha256):
            raise BenchError(
                f"{path} gives {sha256[:80]!r} as {hashed} of sample '{sample_id}', which is not a "
                "sha256."
            )


def _are_sha256(texts: list[str]) -> bool:
    """Whether all texts are sha256 in hexadecimal, much faster than one by one."""
    left = "".join(texts).encode().translate(None, b"0123456789abcdef")
    return set(map(len, texts)) <= {64} and not left


def numbers(path: Path, samples: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """The table with these columns as float64; empty cells become NaN.

    Raises `BenchError` for a cell that is neither empty nor a finite number.
    """
    made = {}
    for column in columns:
        try:
            made[column] = pd.to_numeric(samples[column]).astype(float)
        except (ValueError, TypeError, OverflowError) as error:
            raise BenchError(f"{path}: {column} contains no number ({error}).") from None
        if made[column].abs().eq(float("inf")).any():
            raise BenchError(f"{path}: {column} contains an infinite number.")
    return samples.assign(**made)
