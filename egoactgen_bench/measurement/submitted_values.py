"""Reads the content of a submission and checks that it is plausible, whoever packed it.

Hashes show that an archive is unchanged, not that its values can be real: they are checked against
the runs, the samples and the ranges of the metrics.
"""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.archive import DAMAGED, opened
from egoactgen_bench.artifacts.archive_records import (
    PackRecord,
    RunRecord,
    ScoreRecord,
    parse,
    too_many,
)
from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.artifacts.runs import COLUMNS, NEEDED, TEXT_COLUMNS
from egoactgen_bench.artifacts.sample_tables import check_files, check_ids, image_stem
from egoactgen_bench.artifacts.scores import ERROR_COLUMNS, VALUE_COLUMNS
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_table

TOLERANCE = 1e-4  # of a value outside of its metric's range, for rounding
ABOUT_METRICS = ("factor", "higher_is_better", "per_sample")
PRINTED = ("label", "unit", "decimals", "primary", "position", "advised_samples")


@dataclass(frozen=True)
class SubmittedScores:
    """The scores of one protocol: manifest, values and errors."""

    manifest: ScoreRecord
    values: pd.DataFrame
    errors: pd.DataFrame


@dataclass(frozen=True)
class SubmittedRun:
    """One run: manifest and samples.csv."""

    manifest: RunRecord
    samples: pd.DataFrame


@dataclass(frozen=True)
class Submission:
    """The tables and manifests of one archive."""

    path: Path
    record: PackRecord
    samples: pd.DataFrame  # sample_id and video_id of the split
    runs: dict[str, SubmittedRun]
    scores: dict[str, SubmittedScores]  # by protocol


class SubmissionReader:
    """Reads one opened archive, whose directory and manifest have been checked."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, record: PackRecord) -> None:
        self.path = path
        self._archive = archive
        self._record = record

    def read(self) -> Submission:
        """The content of the archive. Raises `BenchError` if it is incomplete or not plausible."""
        record = self._record
        self._check_names()
        samples = self._table("split/samples.csv", ("sample_id", "video_id"))
        check_ids(self.path / "split/samples.csv", samples["sample_id"])
        if samples.empty:
            self._refuse("split/samples.csv contains no sample")
        known = frozenset(samples["sample_id"])
        runs = {name: self._run(name, known) for name in record.runs}
        scores = {name: self._scores(name, runs, known) for name in record.protocols}
        return Submission(self.path, record, samples[["sample_id", "video_id"]], runs, scores)

    def _check_names(self) -> None:
        record = self._record
        folders = {f"runs/{name}" for name in record.runs}
        folders |= {f"scores/{name}" for name in record.protocols} | {"split"}
        if len(folders) <= len(record.runs) + len(record.protocols):
            self._refuse("pack.json lists a run or protocol twice")
        for name in record.files:
            if "/".join(name.split("/")[: 1 if name.startswith("split/") else 2]) not in folders:
                self._refuse(f"{name} belongs to no run or protocol of pack.json")

    def _run(self, name: str, known: frozenset[str]) -> SubmittedRun:
        place = f"runs/{name}"
        manifest = parse(RunRecord, self._text(f"{place}/run.json"), f"{place}/run.json")
        self._check_same(manifest.fingerprint, self._record.split.fingerprint, place)
        table = self._table(f"{place}/samples.csv", NEEDED)
        path = self.path / place / "samples.csv"
        check_ids(path, table["sample_id"])
        check_files(path, table, "image", "sha256", image_stem)
        made = table[table["status"] == OK]
        for image, sha256 in zip(made["image"], made["sha256"], strict=True):
            if self._record.files.get(f"{place}/{image}") != sha256:
                self._refuse(f"{place}/samples.csv names {image!r}, which is missing")
        if foreign := set(table["sample_id"]) - known:
            self._refuse(f"{place} contains the sample '{min(foreign)}', which the split lacks")
        counts = manifest.counts
        by_status = table["status"].value_counts().to_dict()
        if counts and (
            counts.samples not in (None, len(table))
            or (counts.samples is not None and counts.failed != len(table) - len(made))
            or (counts.by_status and counts.by_status != by_status)
        ):
            self._refuse(f"the counts of {place}/run.json are not those of its samples.csv")
        return SubmittedRun(manifest, table[[column for column in COLUMNS if column in table]])

    def _scores(
        self, protocol: str, runs: dict[str, SubmittedRun], known: frozenset[str]
    ) -> SubmittedScores:
        place = f"scores/{protocol}"
        manifest = parse(ScoreRecord, self._text(f"{place}/score.json"), f"{place}/score.json")
        self._check_same(manifest.fingerprint, self._record.split.fingerprint, place)
        self._check_same(manifest.protocol, protocol, place)
        if why := too_many(len(runs), len(manifest.metrics)):
            raise BenchError(f"{self.path}: {why}.")
        values = self._table(f"{place}/scores.csv", VALUE_COLUMNS, {"value": float})
        self._check_runs(f"{place}/scores.csv", values, runs)
        if values.duplicated(["run", "sample_id", "metric"]).any():
            self._refuse(f"{place}/scores.csv contains a value twice")
        if unknown := set(values["metric"].unique()) - set(manifest.metrics):
            self._refuse(f"{place}/scores.csv has values of {min(unknown)!r}, unlike score.json")
        for name, rows in values.groupby("metric", observed=True):
            self._check_values(f"{place}/scores.csv", str(name), manifest.metrics[str(name)], rows)
        for name, rows in values[values["sample_id"] != ""].groupby("run", observed=True):
            table = runs[str(name)].samples
            made = set(table["sample_id"][table["status"] == OK])
            if foreign := set(rows["sample_id"].unique()) - made:
                self._refuse(
                    f"{place}/scores.csv has values of sample {min(foreign)[:80]!r}, of which run "
                    f"'{name}' has no image"
                )
        errors = self._table(f"{place}/errors.csv", ERROR_COLUMNS)
        self._check_runs(f"{place}/errors.csv", errors, runs)
        if foreign := set(errors["sample_id"].unique()) - known - {""}:
            self._refuse(f"{place}/errors.csv names the sample {min(foreign)[:80]!r}")
        about = {name: _as_registered(name, each) for name, each in manifest.metrics.items()}
        manifest = manifest.model_copy(update={"metrics": about})
        return SubmittedScores(manifest, values, errors[list(ERROR_COLUMNS)])

    def _check_values(self, place: str, name: str, about: MetricRecord, rows: pd.DataFrame) -> None:
        if ((rows["sample_id"] != "") != about.per_sample).any():
            kind = "each sample" if about.per_sample else "each run as a whole"
            self._refuse(f"{place} has values of {name} that are not of {kind}")
        lowest, highest = self._range(place, name, about)
        wrong = rows["value"][~rows["value"].between(lowest - TOLERANCE, highest + TOLERANCE)]
        if len(wrong):
            self._refuse(
                f"{place} has a value of {name} of {wrong.iloc[0]:g}, and its range is {lowest:g} "
                f"to {highest:g}"
            )

    def _range(self, place: str, name: str, about: MetricRecord) -> tuple[float, float]:
        """The range of a metric's finite values; of an unregistered one, as its record states."""
        largest = 1e300
        if name not in plugins.registered("metrics"):
            return max(about.bounds[0], -largest), min(about.bounds[1], largest)
        metric, _ = plugins.load("metrics", name)
        for key in ABOUT_METRICS:
            if getattr(about, key) != getattr(metric, key):
                self._refuse(
                    f"{place} belongs to a score.json with {key} {getattr(about, key)!r} for "
                    f"{name}, and this toolkit has {getattr(metric, key)!r}"
                )
        lowest, highest = metric.bounds
        if metric.may_be_infinite:
            return lowest, highest
        return max(lowest, -largest), min(highest, largest)

    def _check_runs(self, place: str, table: pd.DataFrame, runs: dict[str, SubmittedRun]) -> None:
        if unknown := set(table["run"].unique()) - set(runs):
            self._refuse(
                f"{place} names the run {min(unknown)[:80]!r}, which is not in the archive"
            )

    def _check_same(self, found: str, expected: str, place: str) -> None:
        if found != expected:
            raise BenchError(
                f"{self.path}: {place} belongs to another test set or protocol than the archive "
                f"declares ({found[:12]} instead of {expected[:12]}): it must be packed again."
            )

    def _table(
        self, name: str, columns: tuple[str, ...], dtype: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        self._check_present(name)
        texts = dict.fromkeys({*columns, *TEXT_COLUMNS}, "category" if dtype else str)
        try:
            with self._archive.open(name) as stream:
                return read_table(stream, self.path / name, columns, dtype=texts | (dtype or {}))
        except (*DAMAGED, OSError) as error:
            self._refuse(f"{name} cannot be read ({error})")

    def _text(self, name: str) -> str:
        self._check_present(name)
        try:
            return self._archive.read(name).decode("utf-8")
        except (*DAMAGED, OSError) as error:  # UnicodeDecodeError is a ValueError
            self._refuse(f"{name} cannot be read ({error})")

    def _check_present(self, name: str) -> None:
        if name not in self._record.files:
            self._refuse(f"{name} is missing")

    def _refuse(self, why: str) -> NoReturn:
        raise BenchError(
            f"{self.path} is not what `bench pack` writes: {why}. Obtain it again from its authors."
        )


def implausible(path: Path) -> list[str]:
    """A sentence if the content of an unchanged archive is not plausible, else an empty list."""
    with opened(path) as (archive, record):
        try:
            SubmissionReader(path, archive, record).read()
        except BenchError as error:
            return [str(error)]
    return []


def _as_registered(name: str, about: MetricRecord) -> MetricRecord:
    """What a submission states about a metric, as this toolkit prints and ranks it if it knows it.

    Its own range or number of advised samples would change the intervals and ranks of all groups.
    """
    if name not in plugins.registered("metrics"):
        return about
    metric, _ = plugins.load("metrics", name)
    ends = (end if math.isfinite(end) else None for end in metric.bounds)
    own = {key: getattr(metric, key) for key in PRINTED}
    return about.model_copy(update=own | dict(zip(("lowest", "highest"), ends, strict=True)))
