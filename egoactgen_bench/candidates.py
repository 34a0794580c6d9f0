"""The rows of a scoring: runs that fit the split, and references made of the split itself."""

from collections.abc import Mapping, Sequence

from egoactgen_bench.errors import BenchError, SampleError, did_you_mean
from egoactgen_bench.runs import OK, Run
from egoactgen_bench.sources import Candidate, Frame, Sample
from egoactgen_bench.splits import Split

REFERENCES = {"target": "target", "copy-input": "input"}  # name → the frame that is the output


def samples_of(split: Split, descriptions: Mapping[str, str]) -> list[Sample]:
    """The split's samples in its order."""
    if split.frames_fingerprint is None:
        raise BenchError(
            f"Split '{split.name}' has no frames (--times-only): there is nothing to score against."
        )
    return [
        Sample(
            sample_id=row["sample_id"],
            video_id=row["video_id"],
            target=Frame(split.frame_path(row["target_frame"]), row["target_sha256"]),
            input=Frame(split.frame_path(row["input_frame"]), row["input_sha256"]),
            action=row["action"],
            description=descriptions.get(row["sample_id"]),
        )
        for row in split.samples.to_dict("records")
    ]


def candidates_of(
    split: Split, runs: Sequence[Run], references: Sequence[str]
) -> tuple[list[Candidate], list[str]]:
    """What is scored, in the order of the table, and what the user should know about it.

    A run of another test set is refused with a `BenchError`.
    """
    notices: list[str] = []
    candidates = [_run(split, run, notices) for run in runs]
    names = [candidate.name for candidate in candidates]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BenchError(f"Two runs are named '{repeated[0]}': rename the folder of one of them.")
    for name in dict.fromkeys(references):
        if name not in REFERENCES:
            raise BenchError(f"There is no reference '{name}'.{did_you_mean(name, REFERENCES)}")
        if name in names:
            notices.append(f"The run '{name}' stands for the reference of that name.")
        else:
            candidates.append(_reference(split, name))
    if not candidates:
        raise BenchError(
            f"Split '{split.name}' has no finished run to score: make one with `bench run`, "
            "or name a --reference."
        )
    return candidates, notices


def _run(split: Split, run: Run, notices: list[str]) -> Candidate:
    if run.fingerprint != split.fingerprint:
        raise BenchError(
            f"Run '{run.name}' was made on another test set than split '{split.name}' "
            f"(fingerprint {run.fingerprint[:12]}, not {split.fingerprint[:12]}): run the method "
            "again on this split, or score it with its own."
        )
    if run.frames_fingerprint != split.frames_fingerprint:
        notices.append(
            f"warning: run '{run.name}' was made from other frames than those of split "
            f"'{split.name}' (frames_fingerprint differs)."
        )
    outputs = {
        row["sample_id"]: Frame(run.image_path(row["image"]), row["sha256"])
        if row["status"] == OK
        else SampleError(row["status"], row.get("detail", ""))
        for row in run.samples.to_dict("records")
    }
    known = set(split.samples["sample_id"])
    outputs = {sample_id: output for sample_id, output in outputs.items() if sample_id in known}
    if len(outputs) < len(known):
        notices.append(
            f"warning: run '{run.name}' holds {len(outputs)} of the split's {len(known)} samples."
        )
    return Candidate(run.name, outputs, run.method)


def _reference(split: Split, name: str) -> Candidate:
    role = REFERENCES[name]
    rows = split.samples.to_dict("records")
    outputs: dict[str, Frame | SampleError] = {
        row["sample_id"]: Frame(split.frame_path(row[f"{role}_frame"]), row[f"{role}_sha256"])
        for row in rows
    }
    return Candidate(name, outputs, f"reference: {role}", reference=True)
