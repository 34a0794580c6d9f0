"""The study of enriched descriptions: does the text fit the two frames?"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from PIL import Image

from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.study.example_sampling import choose_examples, shuffled
from egoactgen_bench.stages.study.study_frames import Frames
from egoactgen_bench.stages.study.study_options import StudyOptions
from egoactgen_bench.stages.study.study_plan import (
    PlannedTask,
    StudyPlan,
    numbered,
    secret_key,
)


def plan_description(split: Split, names: Sequence[str], options: StudyOptions) -> StudyPlan:
    """Plan a study of the named description sets, or of all sets of the split: one arm each.

    Raises `BenchError` if the split has no descriptions, or none that all sets share.
    """
    descriptions = find_descriptions(split, names)
    described = set.intersection(*(set(texts) for texts in descriptions.values()))
    samples = split.samples[split.samples["sample_id"].isin(described)]
    if samples.empty:
        raise BenchError(
            f"No sample of split '{split.name}' has a description in each of "
            f"{', '.join(descriptions)}: name fewer with --descriptions."
        )
    examples = choose_examples(samples, options.examples, options.seed)
    spare = samples["sample_id"][~samples["sample_id"].isin(examples)].tolist()
    made = [pd.DataFrame(sorted(texts.items())).assign(run=n) for n, texts in descriptions.items()]
    key = secret_key(split, made, options.seed)
    chosen = samples[samples["sample_id"].isin(examples)]
    tasks = description_tasks(chosen, list(descriptions), options.checks, key)
    frames = Frames(split)

    def show(task: PlannedTask) -> dict[str, str | Image.Image]:
        return {
            "action": frames.rows[task.sample_id]["action"],
            "description": descriptions[task.candidates[0]][task.text_from],
            "input": frames.read(task.sample_id, "input"),
            "target": frames.read(task.sample_id, "target"),
        }

    return StudyPlan(frames, options, tuple(descriptions), examples, spare, key, tasks, show)


def find_descriptions(split: Split, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Set → sample id → text, of the named description sets or of all sets of the split."""
    folder = split.folder / "descriptions"
    wanted = list(dict.fromkeys(names)) or sorted(path.stem for path in folder.glob("*.csv"))
    if not wanted:
        raise BenchError(
            f"Split '{split.name}' has no descriptions in {folder}: generate them with "
            "`bench lego enrich`, or add a NAME.csv with the columns sample_id and description."
        )
    return {name: load_descriptions(split.folder, name).texts for name in wanted}


def description_tasks(
    examples: pd.DataFrame, arms: Sequence[str], checks: int, key: bytes
) -> list[PlannedTask]:
    """One vote per example and arm, with `checks` further tasks hidden among them.

    The checks alternate. The first shows the description of an action with another verb and noun,
    so that the right answer is no; if no example has one, it repeats a vote. The second repeats a
    vote.
    """
    votes = [
        PlannedTask(f"vote {sample_id} {arm}", sample_id, "vote", (arm,), text_from=sample_id)
        for sample_id in shuffled(examples["sample_id"].tolist(), key, "examples")
        for arm in arms
    ]
    by_id = examples.set_index("sample_id")
    planned = []
    for index in range(checks):
        vote = votes[index // 2 % len(votes)]
        this = by_id.loc[vote.sample_id]
        others = by_id[(by_id["verb"] != this["verb"]) & (by_id["noun"] != this["noun"])]
        if index % 2 or others.empty:
            planned.append(replace(vote, kind="check", repeats=vote.name))
        else:
            other = shuffled(others.index.tolist(), key, f"check {index}")[0]
            planned.append(replace(vote, kind="check", text_from=other, expected="no"))
    return numbered(votes, planned, key)
