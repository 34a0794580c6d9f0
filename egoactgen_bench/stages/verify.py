"""The stage `verify`: recomputes recorded hashes and counts, and reports what differs."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts import archive
from egoactgen_bench.artifacts.manifest_base import read_versioned
from egoactgen_bench.artifacts.splits import (
    TIME_COLUMNS,
    Split,
    fingerprint,
    frames_fingerprint,
    load_split,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv, sha256_file

MANIFESTS = ("split.json", "run.json", "score.json", "study.json", "pack.json")
# Columns of a samples.csv with file names → the columns with their sha256.
HASHED = {"input_frame": "input_sha256", "target_frame": "target_sha256", "image": "sha256"}
TABLES = ("samples.csv", "rejected.csv")
PICTURE_FOLDERS = ("frames", "images")


def verify(folder: Path) -> list[str]:
    """Compare a finished folder with its manifest; return one line per difference.

    `folder` is the folder of a split, run, score or study, or an archive of `bench pack`. Every
    file with a recorded sha256 is read: those under `files` in a manifest, and those in
    samples.csv. A split's fingerprints and counts are recomputed as well. Raises `BenchError` if
    `folder` is none of these, or its manifest cannot be read.
    """
    if folder.is_file():
        return archive.differences(folder)
    manifest = next((name for name in MANIFESTS if (folder / name).is_file()), None)
    if manifest is None:
        raise BenchError(
            f"{folder} contains no finished split, run, score or study: "
            f"it has none of {', '.join(MANIFESTS)}."
        )
    tables = dict(_listed_in_manifests(folder, manifest))
    pictures = dict(_listed_in_samples(folder))
    differences = _hash_differences(folder, tables | pictures)
    differences += [f"{name}: in no table" for name in _unlisted(folder, pictures)]
    if manifest == "split.json" and not any(line.startswith(TABLES) for line in differences):
        differences += _split_differences(load_split(folder))
    return differences


def against(folder: Path, standard: Path) -> list[str]:
    """How a split differs from a standard split, whose split.json is `standard`.

    Compares ids and times, and if these are equal also the frames, if the standard split records
    their fingerprint. Returns one line per difference.
    """
    have, wanted = load_split(folder), load_split(standard.parent)
    if have.fingerprint == wanted.fingerprint:
        return _frame_differences(have, wanted)
    both = wanted.samples.merge(
        have.samples, on="sample_id", how="outer", suffixes=("", "_here"), indicator=True
    ).fillna({time: -1.0 for column in TIME_COLUMNS for time in (column, f"{column}_here")})
    moved = (both["_merge"] == "both") & (
        both[[*TIME_COLUMNS]].to_numpy()
        != both[[f"{column}_here" for column in TIME_COLUMNS]].to_numpy()
    ).any(axis=1)
    found = {
        "is missing": both["_merge"] == "left_only",
        "is not in the standard split": both["_merge"] == "right_only",
        "has other times than in the standard split": moved,
    }
    differences = [
        f"{sample_id} {what}" for what, rows in found.items() for sample_id in both.sample_id[rows]
    ]
    return differences or ["the order of the samples, or the text of an action, differs"]


def _frame_differences(have: Split, wanted: Split) -> list[str]:
    """Whether the frames differ, with the versions of libraries that may be the reason."""
    kept = wanted.manifest.frames_fingerprint
    if not kept or not have.frames_fingerprint or kept == have.frames_fingerprint:
        return []
    mine, theirs = have.manifest.versions, wanted.manifest.versions
    others = [
        f"{name} {theirs[name]} there and {mine[name]} here"
        for name in theirs
        if mine.get(name, theirs[name]) != theirs[name]
    ]
    why = "; ".join(others) or "with the same libraries"
    return [f"the frames differ from the standard split's ({why})"]


def _listed_in_manifests(folder: Path, manifest: str) -> Iterator[tuple[str, str]]:
    """(file, sha256) pairs in the `files` of the manifest and of the descriptions' manifests."""
    for path in (folder / manifest, *sorted(folder.glob("descriptions/*.json"))):
        files = read_versioned(path, "result").get("files") or {}
        if not isinstance(files, dict):
            raise BenchError(f"{path}: 'files' is not an object of file names and their sha256.")
        for name, sha256 in files.items():
            yield str((path.parent / name).relative_to(folder)), sha256


def _listed_in_samples(folder: Path) -> Iterator[tuple[str, str]]:
    path = folder / "samples.csv"
    if not path.is_file():
        return
    samples = read_csv(path, dtype=str)
    for column, hashed in HASHED.items():
        if column in samples and hashed in samples:
            rows = samples[samples[column] != ""]
            yield from zip(rows[column], rows[hashed], strict=True)


def _hash_differences(folder: Path, hashes: dict[str, str]) -> list[str]:
    with ThreadPoolExecutor() as pool:
        found = pool.map(_sha256, [folder / name for name in hashes])
        return [
            f"{name}: {'is missing' if is_now is None else 'differs from its recorded sha256'}"
            for (name, recorded), is_now in zip(hashes.items(), found, strict=True)
            if is_now != recorded
        ]


def _sha256(path: Path) -> str | None:
    return sha256_file(path) if path.is_file() else None


def _unlisted(folder: Path, listed: dict[str, str]) -> list[str]:
    present = (path for name in PICTURE_FOLDERS for path in (folder / name).rglob("*"))
    names = (path.relative_to(folder).as_posix() for path in present if path.is_file())
    return sorted(name for name in names if listed and name not in listed)


def _split_differences(split: Split) -> list[str]:
    """Differences between the manifest and the tables."""
    if "action" not in split.samples:  # a published split: narrations may not be copied
        return []
    rejected = read_csv(split.folder / "rejected.csv", dtype=str)
    frames = split.frames_fingerprint and frames_fingerprint(split.samples)
    computed = {
        "fingerprint": fingerprint(split.samples),
        "frames_fingerprint": frames,
        "counts": _counts(split.samples, rejected),
    }
    recorded = split.manifest.model_dump()
    return [
        f"split.json: {key} differs from that of the tables"
        for key, value in computed.items()
        if recorded[key] != value
    ]


def _counts(samples: pd.DataFrame, rejected: pd.DataFrame) -> dict[str, Any]:
    by_reason = dict(Counter(rejected["reason"]))
    return {"kept": len(samples), "rejected": len(rejected), "by_reason": by_reason}
