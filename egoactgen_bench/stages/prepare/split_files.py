"""Writes the files of a finished split: tables, descriptions, ground truth and manifest."""

import shutil
from collections import Counter
from collections.abc import Container
from pathlib import Path

import pandas as pd

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.api.records import ActionClip, Rejection
from egoactgen_bench.artifacts.manifests import SPLIT, DescriptionsManifest, SplitManifest
from egoactgen_bench.artifacts.splits import (
    COLUMNS,
    TRUTH,
    Split,
    fingerprint,
    frames_fingerprint,
)
from egoactgen_bench.artifacts.work_folder import WorkFolder
from egoactgen_bench.stages.prepare.extraction import JOURNAL, ROLES, Stored, frame_name
from egoactgen_bench.stages.prepare.split_plan import SplitPlan
from egoactgen_bench.support.files import sha256_file, write_csv, write_json
from egoactgen_bench.support.replacing import remove_abandoned


def write_split(
    plan: SplitPlan,
    work: WorkFolder[SplitManifest],
    made_by: dict[str, str],
    stored: dict[str, Stored] | None,
    failures: dict[str, Rejection],
) -> Split:
    """Write the tables and, last, the manifest; `stored` None means times without frames."""
    folder = work.folder
    kept = [clip for clip in plan.clips if stored is None or clip.sample_id in stored]
    samples = pd.DataFrame(
        [_sample_row(clip, stored[clip.sample_id] if stored else None) for clip in kept],
        columns=COLUMNS,
    )
    rejected = [
        row if isinstance(row, Rejection) else failures[row.sample_id]
        for row in plan.rows
        if isinstance(row, Rejection) or row.sample_id in failures
    ]
    # The old manifest is removed before the tables that it describes are replaced.
    (folder / SPLIT).unlink(missing_ok=True)
    _sweep(folder, stored or ())
    write_csv(folder / "samples.csv", samples)
    write_csv(folder / "rejected.csv", pd.DataFrame(rejected, columns=["row", "reason", "detail"]))
    _write_descriptions(plan.dataset, folder, kept)
    files = ["samples.csv", "rejected.csv", *_write_truth(plan.dataset, folder, kept)]
    manifest = work.finish(
        {
            "name": plan.name,
            "counts": {
                "kept": len(kept),
                "rejected": len(rejected),
                "by_reason": dict(sorted(Counter(row.reason for row in rejected).items())),
            },
            "fingerprint": fingerprint(samples),
            "frames_fingerprint": None if stored is None else frames_fingerprint(samples),
            "licence": plan.dataset.licence,
            "egovlp": plan.dataset.metric_defaults.get("egovlp", {}).get("clip_length", "4-frame"),
            "metric_defaults": plan.dataset.metric_defaults,
            "files": {name: sha256_file(folder / name) for name in files},
            "versions": made_by,
        }
    )
    shutil.rmtree(folder / JOURNAL, ignore_errors=True)
    return Split(folder, manifest, samples)


def _sweep(folder: Path, stored: Container[str]) -> None:
    """Remove what an interrupted call may have left: partial files, frames of other samples."""
    remove_abandoned(folder, again=True)
    for frames in folder.glob("frames/*"):
        if frames.name not in stored:
            shutil.rmtree(frames)
        else:
            remove_abandoned(frames, again=True)


def _sample_row(clip: ActionClip, stored: Stored | None) -> tuple[object, ...]:
    about = (clip.sample_id, clip.dataset, clip.video_id, clip.action, clip.verb, clip.noun)
    times = (clip.t_start, clip.t_end, clip.t_input, clip.t_target)
    if stored is None:
        return (*about, *times, *[""] * 6)
    names = (frame_name(clip.sample_id, role) for role in ROLES)
    hashes = (stored.input_sha256, stored.target_sha256)
    return (*about, *times, *names, *hashes, stored.width, stored.height)


def _write_descriptions(dataset: Dataset, folder: Path, kept: list[ActionClip]) -> None:
    """Write the descriptions that come with the data set, if any."""
    for name, texts in call(dataset, "descriptions").items():
        rows = [(clip.sample_id, texts[clip.sample_id]) for clip in kept if clip.sample_id in texts]
        path = folder / "descriptions" / f"{name}.csv"
        write_csv(path, pd.DataFrame(rows, columns=["sample_id", "description"]))
        DescriptionsManifest.model_validate(
            {
                "name": name,
                "source": f"came with {dataset.name}",
                "count": len(rows),
                "files": {path.name: sha256_file(path)},
            }
        ).save(path.with_suffix(".json"))


def _write_truth(dataset: Dataset, folder: Path, kept: list[ActionClip]) -> list[str]:
    """Write the data set's ground truth about its samples, if any; returns the file names."""
    known = call(dataset, "truth")
    if not known:
        return []
    write_json(folder / TRUTH, {clip.sample_id: known[clip.sample_id] for clip in kept})
    return [TRUTH]
