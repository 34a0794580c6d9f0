"""What of a folder's finished scores stays in its tables when other runs or metrics are scored."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.manifests import REFERENCE, SCORE, MetricRecord, ScoredRun
from egoactgen_bench.artifacts.scores import CAPTION_COLUMNS, ERROR_COLUMNS, Scores, load_scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.sources import Candidate
from egoactgen_bench.support.files import read_csv, sha256_file

Cell = tuple[str, str]  # a run and a metric


@dataclass(frozen=True)
class Earlier:
    """Earlier scores of a folder, and which cells of their tables stay.

    `notices` are sentences about those that do not.
    """

    scores: Scores | None = None
    captions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*CAPTION_COLUMNS]))
    cells: frozenset[Cell] = frozenset()
    notices: list[str] = field(default_factory=list)

    @property
    def runs(self) -> list[ScoredRun]:
        """The rows that have a cell that stays."""
        names = {run for run, _ in self.cells}
        every = self.scores.manifest.runs if self.scores else []
        return [run for run in every if run.run in names]

    @property
    def metrics(self) -> dict[str, MetricRecord]:
        """The metrics that have a cell that stays."""
        names = {metric for _, metric in self.cells}
        every = self.scores.metrics if self.scores else {}
        return {name: about for name, about in every.items() if name in names}

    @property
    def deviating(self) -> list[str]:
        """Those of `metrics` with options set by -o."""
        every = self.scores.manifest.deviating if self.scores else []
        return [name for name in every if name in self.metrics]

    @property
    def options(self) -> dict[str, Any]:
        """The options of `metrics` set by -o."""
        every = self.scores.manifest.options if self.scores else {}
        return {key: each for key, each in every.items() if key.split(".")[0] in self.metrics}

    @property
    def descriptions(self) -> dict[str, str] | None:
        """The name and sha256 of the descriptions."""
        return self.scores.manifest.descriptions if self.scores and self.cells else None

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the libraries that computed the values."""
        return self.scores.manifest.versions if self.scores and self.cells else {}

    def remarks(self, measured: Collection[str]) -> list[str]:
        """The warnings about runs that are not measured now."""
        starts = tuple(f"warning: run '{run.run}'" for run in self.runs if run.run not in measured)
        every = self.scores.manifest.notices if self.scores else []
        return [each for each in every if each.startswith(starts)]

    @property
    def errors(self) -> list[tuple[str, ...]]:
        """Why values of these cells are missing, as rows of errors.csv."""
        if self.scores is None:
            return []
        table = self.scores.errors
        rows = zip(*(table[name] for name in ERROR_COLUMNS), strict=True)
        return [row for row in rows if (row[0], row[2]) in self.cells]


def earlier_scores(
    folder: Path,
    split: Split,
    protocol: str,
    candidates: Sequence[Candidate],
    signatures: Mapping[str, str],
    images_of: Callable[[str], str | None],
    only: bool = False,
) -> Earlier:
    """The cells of the scores in `folder` that stay next to newly measured ones.

    `candidates` are measured by the metrics in `signatures`, metric → signature. A cell stays if
    its inputs are unchanged: the split, the run's images (`images_of` returns the digest of those
    that a run has now, or None if it is not in the workspace) and, for a metric that is measured
    again for other runs, its signature. With `only`, none stays.
    """
    try:
        found, captions = _read(folder)
    except BenchError as error:
        damaged = (folder / SCORE).exists()
        return Earlier(notices=[f"warning: earlier scores are not kept: {error}"] * damaged)
    measured = {candidate.name: candidate.digest() for candidate in candidates}
    new = {(run, metric) for run in measured for metric in signatures}
    every = _cells(found) - new
    if why := _other_samples(found, split, protocol):
        return Earlier(notices=[_dropped("all of them", why)])
    lost: list[str] = []
    if only:
        if every:
            lost.append(_dropped(_named(every), "--only"))
        return Earlier(notices=lost)
    for run in found.manifest.runs:
        own = {cell for cell in every if cell[0] == run.run}
        # A run may be a reference, too: one whose images are copies of the input frames.
        made = not run.method.startswith(REFERENCE)
        now = measured.get(run.run, images_of(run.run) if made else None)
        if own and now is not None and now != run.images:
            every -= own
            lost.append(_dropped(_named(own), "the run's images have changed"))
    for metric, signature in signatures.items():
        own = {cell for cell in every if cell[1] == metric}
        if own and found.metrics[metric].signature != signature:
            every -= own
            lost.append(_dropped(_named(own), "they were measured with other settings or weights"))
    return Earlier(found, captions, frozenset(every), lost)


def _read(folder: Path) -> tuple[Scores, pd.DataFrame]:
    """The scores of a folder and their captions. Raises `BenchError` if they are damaged."""
    found = load_scores(folder)
    for name, sha256 in found.manifest.files.items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != sha256:
            raise BenchError(f"{path} differs from its sha256 in {SCORE}.")
    path = folder / "captions.csv"
    if "captions.csv" not in found.manifest.files:
        return found, Earlier().captions
    return found, read_csv(path, CAPTION_COLUMNS, dtype=str)


def _cells(scores: Scores) -> set[Cell]:
    """The cells that were measured: those that have a value, or the reason why they have none."""
    table = scores.summary.set_index("run")
    values = {(run, name) for name in scores.metrics for run in table.index[table[name].notna()]}
    failed = set(zip(scores.errors["run"], scores.errors["metric"], strict=True))
    return values | {cell for cell in failed if cell[1] in scores.metrics}


def _other_samples(found: Scores, split: Split, protocol: str) -> str:
    """Why earlier scores are of other samples, or an empty string."""
    manifest = found.manifest
    if manifest.protocol != protocol:
        return f"they are of protocol {manifest.protocol}"
    same = (split.fingerprint, split.frames_fingerprint)
    if (manifest.fingerprint, manifest.frames_fingerprint) != same:
        return "the split has changed"
    return ""


def _named(cells: set[Cell]) -> str:
    """`psnr, ssim of lego; psnr of ip2p`."""
    by_run: dict[str, list[str]] = {}
    for run, metric in sorted(cells):
        by_run.setdefault(run, []).append(metric)
    by_metrics: dict[str, list[str]] = {}
    for run, metrics in by_run.items():
        by_metrics.setdefault(", ".join(metrics), []).append(run)
    return "; ".join(f"{metrics} of {', '.join(runs)}" for metrics, runs in by_metrics.items())


def _dropped(what: str, why: str) -> str:
    return f"Earlier scores are dropped ({why}): {what}."
