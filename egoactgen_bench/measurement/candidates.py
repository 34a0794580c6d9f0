"""The rows of a score table: runs of the split, and references made from the split itself."""

from collections.abc import Sequence

import numpy as np

from egoactgen_bench.api.toy_weights import must_be_marked
from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.artifacts.manifests import REFERENCE, CopiedRole
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.measurement.sources import OUTPUT_COLUMNS, Candidate
from egoactgen_bench.support.seeds import derive_seeds

# Name → the frame that is the output.
REFERENCES: dict[str, CopiedRole] = {
    "target": "target",
    "copy-input": "input",
    "other-target": "other target",
}
LABELS = ("video_id", "action")


def candidates_of(
    split: Split, runs: Sequence[Run], references: Sequence[str]
) -> tuple[list[Candidate], list[str]]:
    """The candidates in the order of the table, and notices for the user.

    Raises `BenchError` if the split has no frames, if a run was made on another test set, if two
    runs have the same name, or if nothing is left to score.
    """
    split.require_frames()
    notices: list[str] = []
    candidates = [candidate_of(split, run, notices) for run in runs]
    names = [candidate.name for candidate in candidates]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BenchError(f"Two runs are named '{repeated[0]}': rename the folder of one of them.")
    for name in dict.fromkeys(references):
        if name not in REFERENCES:
            raise BenchError(f"Unknown reference '{name}'.{did_you_mean(name, REFERENCES)}")
        if name in names:
            method = candidates[names.index(name)].method
            if method != name:
                raise BenchError(
                    f"A run of '{method}' is named '{name}' like the reference: rename its folder, "
                    "or omit the reference."
                )
            notices.append(f"The run '{name}' takes the place of the reference of that name.")
        else:
            candidates.append(reference_of(split, name))
    if not candidates:
        raise BenchError(
            f"Split '{split.name}' has no finished run to score: make one with `bench run`, "
            "or name a --reference."
        )
    return candidates, notices


def candidate_of(split: Split, run: Run, notices: list[str]) -> Candidate:
    """A run as a candidate; appends to `notices`.

    Raises `BenchError` for a run of another test set.
    """
    if run.fingerprint != split.fingerprint:
        raise BenchError(
            f"Run '{run.name}' was made on a different test set than split '{split.name}' "
            f"(fingerprint {run.fingerprint[:12]}, not {split.fingerprint[:12]}): run the method "
            "again on this split, or score the run with the split it was made on."
        )
    if run.frames_fingerprint != split.frames_fingerprint:
        notices.append(
            f"warning: run '{run.name}' was made from different frames than those of split "
            f"'{split.name}' (frames_fingerprint differs)."
        )
    ids = split.samples["sample_id"]
    table = run.samples.set_index("sample_id").reindex(columns=list(OUTPUT_COLUMNS), fill_value="")
    candidate = Candidate(
        run.name,
        run.method,
        run.folder,
        table.reindex(ids, fill_value=""),
        toy_weights=must_be_marked(run.manifest, split.manifest.dataset),
        target_time=run.manifest.target_time,
        reproducible_by_seed=run.manifest.reproducible_by_seed,
    )
    if candidate.count < len(ids):
        notices.append(
            f"warning: run '{run.name}' contains {candidate.count} of the split's {len(ids)} "
            "samples."
        )
    return candidate


def reference_of(split: Split, name: str) -> Candidate:
    """The reference of a name in `REFERENCES`."""
    role = REFERENCES[name]
    frame = "input" if role == "input" else "target"
    frames = {f"{frame}_frame": "image", f"{frame}_sha256": "sha256"}
    table = split.samples[list(frames)].rename(columns=frames).assign(status=OK, detail="")
    if role == "other target":
        table = table.iloc[other_samples(split)]
    return Candidate(name, f"{REFERENCE}{role}", split.folder, table, copy_of=role)


def other_samples(split: Split) -> list[int]:
    """For each sample the position of one of another video, drawn by the sample's id.

    Of another action, too, unless all other videos show the same one. Raises `BenchError` for a
    split of one video.
    """
    samples = split.samples
    # As numbers, which are compared in a hundredth of the time.
    videos, actions = (np.unique(samples[name], return_inverse=True)[1] for name in LABELS)
    if not videos.any():
        raise BenchError(
            f"The reference other-target needs samples of two videos, and split '{split.name}' has "
            "one: omit it."
        )
    found = []
    for video, action, seed in zip(
        videos, actions, derive_seeds(0, "other-target", last=samples["sample_id"]), strict=True
    ):
        other = videos != video
        distinct = other & (actions != action)
        places = np.flatnonzero(distinct if distinct.any() else other)
        found.append(int(places[seed % len(places)]))
    return found
