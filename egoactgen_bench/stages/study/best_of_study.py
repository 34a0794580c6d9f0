"""The study of the paper's Figure 4: which of K runs' images shows the action best?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import pandas as pd
from PIL import Image

from egoactgen_bench.api.toy_weights import must_be_marked
from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.studies import images_digest
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.study.example_sampling import balanced_orders, choose_examples, shuffled
from egoactgen_bench.stages.study.study_frames import Frames, SampleRows, unchanged_image
from egoactgen_bench.stages.study.study_options import StudyOptions
from egoactgen_bench.stages.study.study_plan import (
    PlannedTask,
    StudyPlan,
    numbered,
    secret_key,
)
from egoactgen_bench.support.images import resize

COPY_INPUT = "copy-input"
TARGET = "target"  # the target frame among a check's candidates
MOST_CANDIDATES = 9  # one digit key each


@dataclass(frozen=True)
class Candidates:
    """The runs that are compared; `copy-input` needs no run and shows the input frame."""

    split: Split
    runs: dict[str, Run]
    names: tuple[str, ...]

    @cached_property
    def frames(self) -> Frames:
        return Frames(self.split)

    @cached_property
    def _finished(self) -> dict[str, SampleRows]:
        return {name: SampleRows(run.finished) for name, run in self.runs.items()}

    @property
    def copies_input(self) -> bool:
        """Whether the input frame was added as a second candidate."""
        return len(self.runs) < len(self.names)

    def usable(self) -> pd.DataFrame:
        """Ids and verbs of the split's samples that every run has an image for."""
        samples = self.split.samples[["sample_id", "verb"]]
        for run in self.runs.values():
            finished = set(run.samples["sample_id"][run.samples["status"] == OK].tolist())
            samples = samples[[each in finished for each in samples["sample_id"].tolist()]]
        return samples

    def image(self, name: str, sample_id: str) -> Image.Image:
        """A candidate's image, resized to the target: the size must not reveal the method."""
        target = self.frames.read(sample_id, "target")
        if name == TARGET:
            return target
        if name not in self.runs:
            return resize(self.frames.read(sample_id, "input"), target.size)
        run, row = self.runs[name], self._finished[name][sample_id]
        image = unchanged_image(run.image_path(row["image"]), row["sha256"], f"run '{name}'")
        return resize(image, target.size)


def plan_best_of(
    workspace: Workspace, split: Split, run_names: Sequence[str], options: StudyOptions
) -> StudyPlan:
    """Plan a study of the named runs, or of all finished runs of the split.

    Raises `BenchError` if the runs cannot be compared (see `find_candidates`), or share no sample.
    """
    candidates = find_candidates(workspace, split, run_names)
    samples = candidates.usable()
    if samples.empty:
        raise BenchError(
            f"No sample of split '{split.name}' has an image in each of "
            f"{', '.join(candidates.names)}: finish the runs, or name fewer."
        )
    examples = choose_examples(samples, options.examples, options.seed)
    spare = samples["sample_id"][~samples["sample_id"].isin(examples)].tolist()
    made = [
        run.samples[["sample_id", "sha256"]].assign(run=name)
        for name, run in candidates.runs.items()
    ]
    key = secret_key(split, made, options.seed)
    tasks = best_of_tasks(examples, spare, candidates.names, options.checks, key)
    show = partial(_show, candidates)
    remarks = ("the only run is compared with copy-input.",) * candidates.copies_input
    dataset = split.manifest.dataset
    toy = [name for name, run in candidates.runs.items() if must_be_marked(run.manifest, dataset)]
    return StudyPlan(
        candidates.frames,
        options,
        candidates.names,
        examples,
        spare,
        key,
        tasks,
        show,
        remarks,
        tuple(toy),
        tuple(name for name, run in candidates.runs.items() if run.manifest.target_time),
        {name: images_digest(run.samples, examples) for name, run in candidates.runs.items()},
    )


def find_candidates(workspace: Workspace, split: Split, names: Sequence[str]) -> Candidates:
    """The named runs, or all finished ones; a single one is compared with `copy-input`.

    Raises `BenchError` if a run is missing or of another test set, if `copy-input` is the only one,
    if one is named `target`, or if there are more than `MOST_CANDIDATES`.
    """
    wanted = list(dict.fromkeys(names)) or workspace.finished_runs(split.name)
    if not wanted:
        raise BenchError(
            f"Split '{split.name}' has no finished run: make one with `bench run --method NAME`."
        )
    runs = {name: load_run(workspace.find_run(split.name, name)) for name in wanted}
    for name, run in runs.items():
        if run.fingerprint != split.fingerprint:
            raise BenchError(
                f"Run '{name}' was made on a different test set than split '{split.name}' (their "
                "fingerprints differ): run the method again."
            )
    if wanted == [COPY_INPUT]:
        raise BenchError(
            "The only run is copy-input, with nothing to compare it with: "
            "run a method with `bench run --method NAME`."
        )
    if TARGET in runs:
        raise BenchError(f"A run cannot be called '{TARGET}' in a study: rename its folder.")
    if len(wanted) > MOST_CANDIDATES:
        raise BenchError(
            f"A study compares at most {MOST_CANDIDATES} runs, not {len(wanted)}: "
            f"choose some of {', '.join(wanted)}."
        )
    return Candidates(split, runs, tuple(wanted if len(wanted) > 1 else [*wanted, COPY_INPUT]))


def best_of_tasks(
    examples: Sequence[str], spare: Sequence[str], runs: Sequence[str], checks: int, key: bytes
) -> list[PlannedTask]:
    """One vote per example, with `checks` further tasks hidden among them.

    The checks alternate. The first shows the target frame in place of one run's image: of a `spare`
    sample if there is one, else of an example. The second repeats a vote in another order.
    """
    orders = balanced_orders(runs, len(examples), key)
    votes = [
        PlannedTask(f"vote {sample_id}", sample_id, "vote", tuple(order))
        for sample_id, order in zip(shuffled(examples, key, "examples"), orders, strict=True)
    ]
    # Only for checks: it takes a hash of every sample.
    pool = shuffled(spare, key, "spare") + shuffled(examples, key, "checks") if checks else []
    planned = []
    for index in range(checks):
        order = shuffled(runs, key, f"check {index}")
        if index % 2:
            vote = votes[index // 2 % len(votes)]
            if tuple(order) == vote.candidates:
                order = order[1:] + order[:1]
            planned.append(replace(vote, kind="check", candidates=tuple(order), repeats=vote.name))
        else:
            sample_id = pool[index // 2 % len(pool)]
            order = shuffled([TARGET, *order[1:]], key, f"target of check {index}")
            expected = str(order.index(TARGET) + 1)
            planned.append(PlannedTask("", sample_id, "check", tuple(order), expected=expected))
    return numbered(votes, planned, key)


def _show(candidates: Candidates, task: PlannedTask) -> dict[str, str | Image.Image]:
    columns: dict[str, str | Image.Image] = {
        "action": candidates.frames.rows[task.sample_id]["action"],
        "input": candidates.frames.read(task.sample_id, "input"),
    }
    for position, name in enumerate(task.candidates, start=1):
        columns[f"image_{position}"] = candidates.image(name, task.sample_id)
    return columns
