"""What a call of scoring measures and where it writes, with all options resolved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from egoactgen_bench.analysis.mean_intervals import METHOD
from egoactgen_bench.api.image_judge import ImageJudge
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.options import chosen
from egoactgen_bench.artifacts.descriptions import descriptions_of
from egoactgen_bench.artifacts.manifests import RUN, TOY_MARK
from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.captioning.captioner import CAPTIONERS
from egoactgen_bench.endpoints.uploads import licence_of
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.judging.open_judge import open_judge
from egoactgen_bench.measurement.candidates import (
    REFERENCES,
    candidate_of,
    candidates_of,
    reference_of,
)
from egoactgen_bench.measurement.measuring import Measurer
from egoactgen_bench.measurement.protocols import (
    Defaults,
    Selection,
    check_options,
    select,
)
from egoactgen_bench.measurement.sources import Candidate, Samples
from egoactgen_bench.stages.score.score_options import ScoreOptions
from egoactgen_bench.support import kept_hashes
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.toy import stand_ins


@dataclass(frozen=True)
class ScoringJob:
    """The inputs, metrics and output folder of scoring, with all options resolved."""

    split: Split
    candidates: list[Candidate]
    samples: Samples
    selection: Selection
    measurer: Measurer
    folder: Path
    shard: ProcessShard
    device: str
    settled: dict[str, Any]  # everything that affects the values, for score.json
    images_of: Callable[[str], str | None]  # the digest of the images that a run has now
    only: bool = False
    notices: list[str] = field(default_factory=list)
    judge: ImageJudge | None = None


def prepare(
    split: Split,
    runs: Sequence[Run],
    folder: Path,
    settings: ScoreOptions | None = None,
    *,
    offline: bool = False,
    **choices: Any,
) -> ScoringJob:
    """Resolve the options of scoring. Raises `BenchError` for invalid ones.

    With `offline`, nothing is asked of a judge, not even its version: for estimates. `settings` and
    `choices` are fields of `ScoreOptions`; `choices` override `settings`.
    """
    resolved = chosen(ScoreOptions, settings, choices, "score")
    if resolved.captioner not in CAPTIONERS:
        raise BenchError(
            f"Unknown captioner '{resolved.captioner}'."
            + did_you_mean(resolved.captioner, CAPTIONERS)
        )
    # Before PyTorch is imported, which takes seconds.
    check_options(resolved.options, resolved.metrics)
    # Of named metrics, each says what it lacks there.
    absent = resolved.weights is not None and not resolved.weights.is_dir()
    if absent and resolved.metrics is None:
        raise BenchError(f"--weights-dir {resolved.weights} does not exist, or is not a folder.")
    shard = ProcessShard.of_process()
    root = resolved.workspace or folder
    kept_hashes.keep_in(resolved.workspace and resolved.workspace / "cache")
    notices: list[str] = []
    texts = descriptions_of(split, resolved.descriptions, notices)
    device = resolve_device(resolved.device, shard.local_rank)
    judge = open_judge(
        resolved,
        metrics=resolved.metrics or (),
        licence=licence_of(split.manifest),
        cache=root / "cache",
        device=device,
        fresh=resolved.overwrite,
        offline=offline,
    )
    context = MetricContext(
        weights=stand_ins.folder_for(split.manifest.dataset, resolved.weights, root / "models"),
        device=device,
        workspace=root,
        fresh=resolved.overwrite,
        judge=judge,
    )
    samples = Samples(split, texts.texts if texts else {})
    defaults = Defaults(split.manifest.metric_defaults, {"captioner": resolved.captioner})
    selection = select(
        resolved.protocol, resolved.metrics, resolved.options, context, samples.roles, defaults
    )
    candidates, remarks = candidates_of(split, runs, resolved.references)
    notices += remarks
    if texts and texts.toy_weights:
        notices.append(f"The descriptions '{texts.name}' {TOY_MARK} come from a toy VLLM.")
    measurer = Measurer(
        samples,
        candidates,
        selection.metrics,
        root / "cache",
        resolved.batch_size,
        fresh=resolved.overwrite,
        against=_against(split, selection, root, notices),
    )
    settled = {
        "split": split.name,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "protocol": resolved.protocol,
        "descriptions": texts and {"name": texts.name, "sha256": texts.sha256},
        "captioner": resolved.captioner,
        "options": resolved.options,
        "bootstrap": {
            "draws": resolved.bootstrap,
            "clustered_by": "video_id",
            "level": 0.95,
            "method": METHOD,
        },
        "family": resolved.family,
        "fid_permutations": resolved.fid_permutations,
        "batch_size": resolved.batch_size,
    }
    return ScoringJob(
        split,
        candidates,
        samples,
        selection,
        measurer,
        folder,
        shard,
        context.device,
        settled,
        partial(_images_of, root, split) if resolved.workspace else lambda run: None,
        resolved.only,
        notices,
        judge,
    )


def _against(
    split: Split, selection: Selection, root: Path, notices: list[str]
) -> Candidate | None:
    """The run or reference that metrics of pairs compare with, if any."""
    names = sorted({metric.against for metric in selection.metrics if metric.against})
    if len(names) > 1:
        raise BenchError(
            f"Metrics compare with different runs ({', '.join(names)}): score them one by one."
        )
    if not names:
        return None
    if names[0] in REFERENCES:
        return reference_of(split, names[0])
    found = Workspace(root).find_run(split.name, names[0])
    return candidate_of(split, load_run(found), notices)


def _images_of(root: Path, split: Split, run: str) -> str | None:
    """The digest of the images of a run in the workspace; None if it is not there."""
    folder = Workspace(root).run(split.name, run)
    if not (folder / RUN).is_file():
        return None
    try:
        return candidate_of(split, load_run(folder), []).digest()
    except BenchError:
        return ""


def nothing_to_measure(job: ScoringJob) -> str:
    """A sentence if no metric can be computed, else an empty string."""
    if job.selection.metrics:
        return ""
    return f"No metric can be computed; {job.folder} is left unchanged."
