"""The stage `verify`: recomputes recorded hashes and counts, and reports what differs."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts import archive
from egoactgen_bench.artifacts.manifest_base import Manifest, is_unchanged, read_manifest
from egoactgen_bench.artifacts.manifests import (
    RUN,
    SCORE,
    SPLIT,
    STUDY,
    DescriptionsManifest,
    RunManifest,
    ScoreManifest,
    SplitManifest,
)
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.scores import load_scores
from egoactgen_bench.artifacts.splits import (
    TIME_COLUMNS,
    Split,
    fingerprint,
    frames_fingerprint,
    load_split,
)
from egoactgen_bench.artifacts.studies import load_study
from egoactgen_bench.artifacts.study_manifests import StudyManifest
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.submitted_values import implausible
from egoactgen_bench.support import kept_hashes
from egoactgen_bench.support.files import read_csv, sha256_file
from egoactgen_bench.support.regular_files import owned_path, reason
from egoactgen_bench.support.threads import map_in_threads

# The manifests of the folders that can be verified, and the functions that load and check them.
MANIFESTS: dict[str, tuple[type[Manifest], Callable[[Path], object]]] = {
    SPLIT: (SplitManifest, load_split),
    RUN: (RunManifest, load_run),
    SCORE: (ScoreManifest, load_scores),
    STUDY: (StudyManifest, load_study),
}
# Columns of a samples.csv with file names → the columns with their sha256.
HASHED = {"input_frame": "input_sha256", "target_frame": "target_sha256", "image": "sha256"}
TABLES = ("samples.csv", "rejected.csv")
PICTURE_FOLDERS = ("frames", "images")


def verify(folder: Path) -> list[str]:
    """Compare a finished folder with its manifest; return one line per difference.

    `folder` is the folder of a split, run, score or study, an archive of `bench pack`, or a
    workspace's cache/hashes, whose files are read again. Every
    file with a recorded sha256 is read: those under `files` in a manifest, and those in
    samples.csv. A split's fingerprints and counts are recomputed as well. Raises `BenchError` if
    `folder` is none of these, or its manifest cannot be read.
    """
    if folder.is_file():
        return archive.differences(folder) or implausible(folder)
    if kept_hashes.is_folder(folder):
        changed = kept_hashes.KeptHashes(folder).differences()
        return [f"{path}: its content has changed, but not its size and times" for path in changed]
    manifest = next((name for name in MANIFESTS if (folder / name).is_file()), None)
    if manifest is None:
        raise BenchError(
            f"{folder} contains no finished split, run, score or study: "
            f"it has none of {', '.join((*MANIFESTS, archive.MANIFEST))}."
        )
    kind, load = MANIFESTS[manifest]
    differences: list[str] = []
    listed = [("", read_manifest(folder / manifest, kind)), *_descriptions(folder, differences)]
    tables = {
        f"{below}{name}": sha256
        for below, found in listed
        for name, sha256 in getattr(found, "files", {}).items()
    }
    for path in [folder / manifest, *sorted(folder.glob("descriptions/*.json"))]:
        with suppress(BenchError):  # reported above
            if not is_unchanged(path):
                differences.append(f"{path.relative_to(folder)}: differs from its checksum")
    try:
        pictures = dict(_listed_in_samples(folder))
    except BenchError as error:
        return [*_hash_differences(folder, tables), *differences, str(error)]
    differences += _hash_differences(folder, tables) + _hash_differences(folder, pictures)
    differences += [f"{name}: in no table" for name in _unlisted(folder, pictures)]
    del pictures  # before the whole table is read
    if any(line.startswith(TABLES) for line in differences):
        return differences
    try:
        loaded = load(folder)
        return differences + (_split_differences(loaded) if isinstance(loaded, Split) else [])
    except BenchError as error:
        return [*differences, str(error)]


def remarks(folder: Path) -> list[str]:
    """What the recorded hashes of a verified folder do not promise."""
    if (
        not (folder / RUN).is_file()
        or read_manifest(folder / RUN, RunManifest).reproducible_by_seed
    ):
        return []
    return [
        "note: a server generated these images, which the seed does not reproduce; the run can be "
        "repeated from its kept replies only."
    ]


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


def _descriptions(folder: Path, differences: list[str]) -> Iterator[tuple[str, Manifest]]:
    """The manifests of a split's descriptions; appends a line for each that cannot be read."""
    for path in sorted(folder.glob("descriptions/*.json")):
        try:
            yield "descriptions/", read_manifest(path, DescriptionsManifest)
        except BenchError as error:
            differences.append(str(error))


def _listed_in_samples(folder: Path) -> Iterator[tuple[str, str]]:
    path = folder / "samples.csv"
    if not path.exists():
        return
    needed = {*HASHED, *HASHED.values()}
    samples = read_csv(path, dtype=str, usecols=lambda name: name in needed)
    for column, hashed in HASHED.items():
        if column in samples and hashed in samples:
            names, hashes = (samples[each].tolist() for each in (column, hashed))
            yield from (pair for pair in zip(names, hashes, strict=True) if pair[0])


def _hash_differences(folder: Path, hashes: dict[str, str]) -> list[str]:
    lines = map_in_threads(lambda name: _difference(folder, name, hashes[name]), hashes)
    return [line for line in lines if line]


def _difference(folder: Path, name: str, recorded: str) -> str | None:
    try:
        if sha256_file(owned_path(folder, name)) != recorded:
            return f"{name}: differs from its recorded sha256"
    except (FileNotFoundError, NotADirectoryError):
        return f"{name}: is missing"
    except OSError as error:
        return f"{name}: cannot be read ({reason(error)})"
    except BenchError as error:
        return str(error)
    return None


def _unlisted(folder: Path, listed: dict[str, str]) -> list[str]:
    names = (name for below in PICTURE_FOLDERS for name in _files_below(folder / below, below))
    return sorted(name for name in names if listed and name not in listed)


def _files_below(folder: Path, prefix: str) -> Iterator[str]:
    """The names, after `prefix`, of what is not a folder. Not `rglob`: it keeps every path."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(Path(entry.path), name)
            else:
                yield name


def _split_differences(split: Split) -> list[str]:
    """Differences between the manifest and the tables."""
    if "action" not in split.samples:  # a published split: narrations may not be copied
        return []
    frames = split.frames_fingerprint and frames_fingerprint(split.samples)
    computed = {
        "fingerprint": fingerprint(split.samples),
        "frames_fingerprint": frames,
        "counts": _counts(split.samples, split.rejected),
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
