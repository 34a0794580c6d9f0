"""The stage prepare-splits: annotated actions → a split of frames, hashes and fingerprints."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.records import ActionClip, Rejection
from egoactgen_bench.artifacts.manifests import SPLIT, DescriptionsManifest, SplitManifest
from egoactgen_bench.artifacts.splits import (
    COLUMNS,
    TRUTH,
    Split,
    fingerprint,
    frames_fingerprint,
    load_split,
)
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.stages.prepare.extraction import (
    ROLES,
    ExtractionJob,
    Failed,
    Read,
    Stored,
    Wanted,
    extract_all,
    frame_name,
    read_journals,
)
from egoactgen_bench.stages.prepare.split_plan import SplitPlan, by_reason
from egoactgen_bench.support.files import sha256_file, write_csv, write_json
from egoactgen_bench.support.provenance import versions

JOURNAL = ".partial"


@dataclass(frozen=True)
class Prepared:
    """A finished split, and what this call did for it.

    `failures` counts the samples whose frames are not to be had, by reason; `resumed` those that
    were there from an earlier call.
    """

    split: Split
    failures: Counter[str]
    already_complete: bool = False
    resumed: int = 0
    read: Read = field(default_factory=Read)


def prepare(
    plan: SplitPlan,
    folder: Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    on_sample: Callable[[int], object] = lambda count: None,
) -> Prepared:
    """Extract a plan's frames into `folder` and finish the split there.

    A call that was killed goes on; a finished split is left as it is, but for samples that failed:
    these are tried again. `on_sample` is told of each number of samples dealt with.
    """
    made_by = _versions(plan)
    work = _work_folder(plan, folder, made_by)
    before = _open_folder(plan, work, overwrite)
    if before is not None:
        failed = Counter(before.manifest.counts.by_reason)
        # What the annotation itself rules out stays ruled out; only missing or broken videos are
        # tried again, and only with the same decoder, since frames of two decoders must not be
        # mixed.
        failed.subtract(rejection.reason for rejection in plan.rejections)
        if not +failed or before.manifest.versions != made_by:
            return Prepared(before, +failed, already_complete=True)
    if plan.recipe["times_only"]:
        return Prepared(_finish(plan, work, made_by, None, {}), Counter())
    stored = _stored_before(folder, before)
    resumed = len(stored)
    on_sample(resumed)
    work.reopen()
    failures, read = _extract(plan, folder, stored, workers, on_sample)
    if not stored:
        _remove(folder)
        raise _nothing_kept(plan, failures)
    split = _finish(plan, work, made_by, stored, failures)
    failed = Counter(failure.reason for failure in failures.values())
    return Prepared(split, failed, resumed=resumed, read=read)


def _extract(
    plan: SplitPlan,
    folder: Path,
    stored: dict[str, Stored],
    workers: int,
    on_sample: Callable[[int], object],
) -> tuple[dict[str, Rejection], Read]:
    """Add to `stored` what can be had; return what cannot, by sample id, and what was read."""
    rows = {clip.sample_id: clip.row for clip in plan.clips}
    failures = {key: value for key, value in _unlocated(plan).items() if key not in stored}
    on_sample(len(failures))
    videos: dict[str, list[Wanted]] = defaultdict(list)
    for clip in plan.clips:
        place = plan.places[clip.sample_id]
        if clip.sample_id not in stored and not isinstance(place, SampleError):
            videos[clip.video_id].append(Wanted(clip.sample_id, *place))
    read = Read()
    # The videos with most samples come first, so that workers end together.
    jobs = [
        ExtractionJob(
            tuple(items), folder, folder / JOURNAL / f"{number:06d}.jsonl", plan.recipe["size"]
        )
        for number, items in enumerate(sorted(videos.values(), key=len, reverse=True))
    ]
    for outcome in extract_all(jobs, workers):
        match outcome:
            case Stored(sample_id):
                stored[sample_id] = outcome
                on_sample(1)
            case Failed(sample_id, reason, detail):
                failures[sample_id] = Rejection(rows[sample_id], reason, detail)
                on_sample(1)
            case Read(files, size):
                read = Read(read.files + files, read.bytes + size)
    return failures, read


def _unlocated(plan: SplitPlan) -> dict[str, Rejection]:
    places = ((clip, plan.places[clip.sample_id]) for clip in plan.clips)
    return {
        clip.sample_id: Rejection(clip.row, place.code, place.detail)
        for clip, place in places
        if isinstance(place, SampleError)
    }


def _nothing_kept(plan: SplitPlan, failures: dict[str, Rejection]) -> BenchError:
    return BenchError(
        f"None of the {len(failures):,} samples of {plan.name} could be kept: "
        f"{by_reason(failures.values())} (the first: {next(iter(failures.values())).detail}). "
        f"Is --videos {plan.dataset.videos} the right folder?"
    )


def _work_folder(
    plan: SplitPlan, folder: Path, made_by: dict[str, str]
) -> WorkFolder[SplitManifest]:
    """The split's folder; an unfinished one goes on only with the same decoder."""
    return WorkFolder(
        folder / SPLIT,
        SplitManifest,
        {
            "dataset": plan.dataset.name,
            "subset": plan.dataset.subset,
            "recipe": plan.recipe,
            "times_fingerprint": plan.times_fingerprint,
        },
        folder / JOURNAL / PLAN,
        while_unfinished={"versions": made_by},
        elsewhere="--name or --out",
    )


def _open_folder(plan: SplitPlan, work: WorkFolder[SplitManifest], overwrite: bool) -> Split | None:
    """The same split if it is finished there; refuses what is neither it nor its beginning."""
    work.check(overwrite)
    if overwrite and (work.finished or work.begun):
        if plan.unlocated.total() == len(plan.clips):  # what is there is not given up for nothing
            raise _nothing_kept(plan, _unlocated(plan))
        _remove(work.folder)
    return load_split(work.folder) if work.finished else None


def _remove(folder: Path) -> None:
    """Remove a split, manifest first; descriptions that others wrote stay."""
    for name in ("split.json", "samples.csv", "rejected.csv", TRUTH):
        (folder / name).unlink(missing_ok=True)
    for name in ("frames", JOURNAL):
        shutil.rmtree(folder / name, ignore_errors=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _sweep(folder: Path, stored: Container[str]) -> None:
    """Remove what a kill can leave: files half written, frames of a sample not kept."""
    for torn in [*folder.glob(".*.tmp"), *folder.glob("frames/*/.*.tmp")]:
        torn.unlink()
    for frames in folder.glob("frames/*"):
        if frames.name not in stored:
            shutil.rmtree(frames)


def _stored_before(folder: Path, before: Split | None) -> dict[str, Stored]:
    """Samples whose frames an earlier call left, by id."""
    earlier = list(read_journals(folder / JOURNAL))
    if before is not None:
        columns = ["sample_id", "input_sha256", "target_sha256", "width", "height"]
        records = before.samples[columns].itertuples(index=False, name=None)
        earlier.extend(Stored(*record) for record in records)
    # Threads suffice: hashing releases the GIL.
    with ThreadPoolExecutor() as pool:
        whole = pool.map(lambda item: _is_whole(folder, item), earlier)
        return {item.sample_id: item for item, good in zip(earlier, whole, strict=True) if good}


def _is_whole(folder: Path, item: Stored) -> bool:
    hashes = zip(ROLES, (item.input_sha256, item.target_sha256), strict=True)
    try:
        return all(
            sha256_file(folder / frame_name(item.sample_id, role)) == sha256
            for role, sha256 in hashes
        )
    except FileNotFoundError:
        return False


def _finish(
    plan: SplitPlan,
    work: WorkFolder[SplitManifest],
    made_by: dict[str, str],
    stored: dict[str, Stored] | None,
    failures: dict[str, Rejection],
) -> Split:
    """Write the tables and, last, the manifest. `stored` None: a split of times without frames."""
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
    # The old manifest goes before the tables that it describes are replaced.
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
            "egovlp": plan.dataset.metric_defaults.get("egovlp", {}).get("clip_length", "4-frame"),
            "metric_defaults": plan.dataset.metric_defaults,
            "files": {name: sha256_file(folder / name) for name in files},
            "versions": made_by,
        }
    )
    shutil.rmtree(folder / JOURNAL, ignore_errors=True)
    return Split(folder, manifest, samples)


def _sample_row(clip: ActionClip, stored: Stored | None) -> tuple[object, ...]:
    about = (clip.sample_id, clip.dataset, clip.video_id, clip.action, clip.verb, clip.noun)
    times = (clip.t_start, clip.t_end, clip.t_input, clip.t_target)
    if stored is None:
        return (*about, *times, *[""] * 6)
    names = (frame_name(clip.sample_id, role) for role in ROLES)
    hashes = (stored.input_sha256, stored.target_sha256)
    return (*about, *times, *names, *hashes, stored.width, stored.height)


def _write_descriptions(dataset: Dataset, folder: Path, kept: list[ActionClip]) -> None:
    """Write the descriptions that come with the data, where there are any."""
    for name, texts in dataset.descriptions().items():
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
    """Write what the data set knows of its samples, if anything; the names of the files."""
    known = dataset.truth()
    if not known:
        return []
    write_json(folder / TRUTH, {clip.sample_id: known[clip.sample_id] for clip in kept})
    return [TRUTH]


def _versions(plan: SplitPlan) -> dict[str, str]:
    """The programs that shaped the split: for frames, also the decoder's libraries."""
    if plan.recipe["times_only"]:
        return versions(["pandas"])
    import av

    libraries = {
        name: ".".join(map(str, number)) for name, number in sorted(av.library_versions.items())
    }
    return versions(["av", "pillow", "numpy", "pandas", *plan.dataset.packages]) | libraries
