"""Prepares a split: extracts the frames of a plan, resumably, and finishes the split."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from egoactgen_bench.api.records import Rejection
from egoactgen_bench.artifacts.manifests import SPLIT, SplitManifest
from egoactgen_bench.artifacts.sample_boxes import BOXES
from egoactgen_bench.artifacts.splits import TRUTH, Split, load_split
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.stages.prepare.extraction import (
    JOURNAL,
    ROLES,
    ExtractionJob,
    Failed,
    ReadTotals,
    SampleSources,
    Stored,
    extract_all,
    frame_name,
    read_journals,
)
from egoactgen_bench.stages.prepare.sample_filters import REASONS
from egoactgen_bench.stages.prepare.split_boxes import with_boxes
from egoactgen_bench.stages.prepare.split_files import write_split
from egoactgen_bench.stages.prepare.split_plan import SplitPlan, by_reason
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.provenance import versions
from egoactgen_bench.support.threads import map_in_threads


@dataclass(frozen=True)
class Prepared:
    """A finished split, and a summary of this call.

    `failures` counts the samples whose frames are unavailable, by reason; those that a filter
    rejects are none of them. `resumed` counts the samples that an earlier call stored.
    """

    split: Split
    failures: Counter[str]
    already_complete: bool = False
    resumed: int = 0
    read: ReadTotals = field(default_factory=ReadTotals)


def prepare(
    plan: SplitPlan,
    folder: Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    on_sample: Callable[[int], object] = lambda count: None,
) -> Prepared:
    """Extract a plan's frames into `folder` and finish the split there.

    An interrupted call resumes. In a finished split only the samples that failed are tried again,
    and boxes are added. `on_sample` is called with the number of samples processed since its last
    call.
    """
    work = _work_folder(plan, folder, _versions(plan))
    before = _open_folder(plan, work, overwrite)
    done = _prepare(plan, work, before, workers, on_sample)
    return replace(done, split=with_boxes(done.split, plan, before))


def _prepare(
    plan: SplitPlan,
    work: WorkFolder[SplitManifest],
    before: Split | None,
    workers: int,
    on_sample: Callable[[int], object],
) -> Prepared:
    """Extract what is missing; `before` is the split if it is finished."""
    made_by, folder = _versions(plan), work.folder
    if before is not None:
        failed = Counter(before.manifest.counts.by_reason)
        # Rows that the annotation rules out stay rejected. Only missing or broken videos are tried
        # again, and only with the same decoder, as frames of two decoders must not be mixed.
        failed.subtract(rejection.reason for rejection in plan.rejections)
        failed = _without_filtered(failed, plan)
        if not +failed or before.manifest.versions != made_by:
            return Prepared(before, +failed, already_complete=True)
    if plan.recipe["times_only"]:
        return Prepared(write_split(plan, work, made_by, None, {}), Counter())
    stored = _stored_before(folder, before)
    resumed = len(stored)
    on_sample(resumed)
    work.reopen()
    failures, read = _extract(plan, folder, stored, workers, on_sample)
    if not stored:
        _remove(folder)
        raise _nothing_kept(plan, failures)
    split = write_split(plan, work, made_by, stored, failures)
    failed = Counter(failure.reason for failure in failures.values())
    return Prepared(split, _without_filtered(failed, plan), resumed=resumed, read=read)


def _without_filtered(failed: Counter[str], plan: SplitPlan) -> Counter[str]:
    """The failures without the samples that the filters reject."""
    filtered = REASONS if plan.filters else ()
    return Counter({reason: n for reason, n in failed.items() if reason not in filtered})


def _extract(
    plan: SplitPlan,
    folder: Path,
    stored: dict[str, Stored],
    workers: int,
    on_sample: Callable[[int], object],
) -> tuple[dict[str, Rejection], ReadTotals]:
    """Add the samples that can be extracted to `stored`; return the others, by sample id."""
    rows = {clip.sample_id: clip.row for clip in plan.clips}
    failures = {key: value for key, value in _unlocated(plan).items() if key not in stored}
    on_sample(len(failures))
    videos: dict[str, list[SampleSources]] = defaultdict(list)
    for clip in plan.clips:
        place = plan.places[clip.sample_id]
        if clip.sample_id not in stored and not isinstance(place, SampleError):
            videos[clip.video_id].append(SampleSources(clip.sample_id, *place))
    read = ReadTotals()
    # The videos with most samples come first, so that workers finish at about the same time.
    jobs = [
        ExtractionJob(
            tuple(items),
            folder,
            folder / JOURNAL / f"{number:06d}.jsonl",
            plan.recipe["size"],
            plan.filters,
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
            case ReadTotals(files, size):
                read = ReadTotals(read.files + files, read.bytes + size)
    return failures, read


def _unlocated(plan: SplitPlan) -> dict[str, Rejection]:
    places = ((clip, plan.places[clip.sample_id]) for clip in plan.clips)
    return {
        clip.sample_id: Rejection(clip.row, place.code, place.detail)
        for clip, place in places
        if isinstance(place, SampleError)
    }


def _nothing_kept(plan: SplitPlan, failures: dict[str, Rejection]) -> BenchError:
    if plan.filters and all(failure.reason in REASONS for failure in failures.values()):
        return BenchError(
            f"The filters reject all {len(failures):,} samples of {plan.name}: "
            f"{by_reason(failures.values())} (the first: {next(iter(failures.values())).detail}). "
            "Choose other thresholds."
        )
    searched = plan.dataset.searched()
    if searched and all(failure.reason.startswith("missing_") for failure in failures.values()):
        remedy = f"Looked below --videos {plan.dataset.videos} for {', '.join(searched)}."
    else:
        remedy = f"Is --videos {plan.dataset.videos} the right folder?"
    return BenchError(
        f"None of the {len(failures):,} samples of {plan.name} could be kept: "
        f"{by_reason(failures.values())} (the first: {next(iter(failures.values())).detail}). "
        f"{remedy}"
    )


def _work_folder(
    plan: SplitPlan, folder: Path, made_by: dict[str, str]
) -> WorkFolder[SplitManifest]:
    """The split's folder; an unfinished one is resumed only with the same decoder."""
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
    """The split if it is finished there. Raises `BenchError` for other contents."""
    work.check(overwrite)
    if overwrite and (work.finished or work.begun):
        # A plan without any frames must not replace an existing split.
        if plan.unlocated.total() == len(plan.clips):
            raise _nothing_kept(plan, _unlocated(plan))
        _remove(work.folder)
    return load_split(work.folder) if work.finished else None


def _remove(folder: Path) -> None:
    """Remove a split, manifest first, except its descriptions."""
    for name in ("split.json", "samples.csv", "rejected.csv", TRUTH, BOXES):
        (folder / name).unlink(missing_ok=True)
    for name in ("frames", JOURNAL):
        shutil.rmtree(folder / name, ignore_errors=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _stored_before(folder: Path, before: Split | None) -> dict[str, Stored]:
    """The samples whose frames an earlier call stored, by id."""
    earlier = list(read_journals(folder / JOURNAL))
    if before is not None:
        columns = ["sample_id", "input_sha256", "target_sha256", "width", "height"]
        records = before.samples[columns].itertuples(index=False, name=None)
        earlier.extend(Stored(*record) for record in records)
    whole = map_in_threads(lambda item: _is_whole(folder, item), earlier)
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


def _versions(plan: SplitPlan) -> dict[str, str]:
    """The versions of the packages used and, for frames, of the decoder's libraries."""
    if plan.recipe["times_only"]:
        return versions(["pandas"])
    import av

    libraries = {
        name: ".".join(map(str, number)) for name, number in sorted(av.library_versions.items())
    }
    return versions(["av", "pillow", "numpy", "pandas", *plan.dataset.packages]) | libraries
