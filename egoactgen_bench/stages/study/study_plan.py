"""The plan of a study: its options, tasks, images and secret key."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import pandas as pd
from PIL import Image

from egoactgen_bench.artifacts.manifests import TOY_MARK
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.stages.study.example_sampling import shuffled
from egoactgen_bench.stages.study.safe_text import keyed_hash
from egoactgen_bench.stages.study.study_frames import Frames
from egoactgen_bench.stages.study.study_options import StudyOptions


@dataclass(frozen=True)
class PlannedTask:
    """One task for a rater. `candidates` are the runs at positions 1…K, or the description set.

    A check is never counted as a vote: `expected` is its known answer, or `repeats` the name of the
    task that it repeats. `text_from` is the id of the sample that the description belongs to.
    """

    name: str
    sample_id: str
    kind: Literal["vote", "check"]
    candidates: tuple[str, ...]
    expected: str = ""
    repeats: str = ""
    text_from: str = ""

    def key_rows(self) -> list[dict[str, Any]]:
        """The task's rows of key.csv."""
        shared = {"sample_id": self.sample_id, "kind": self.kind}
        known = {"expected": self.expected, "repeats": self.repeats}
        return [
            {"task": self.name, "position": position, "run": run} | shared | known
            for position, run in enumerate(self.candidates, start=1)
        ]

    def as_json(self) -> dict[str, Any]:
        """The fields that are not empty, for study.json."""
        filled = {name: value for name, value in asdict(self).items() if value != ""}
        return filled | {"candidates": list(self.candidates)}


@dataclass(frozen=True)
class StudyPlan:
    """A study that can be written.

    `candidates` are the runs or description sets that are compared, `spare` the usable samples
    outside of the study. `show` returns the columns of a task in batch.csv, in order, as texts or
    images.
    """

    frames: Frames
    options: StudyOptions
    candidates: tuple[str, ...]
    examples: list[str]
    spare: list[str]
    key: bytes
    tasks: list[PlannedTask]
    show: Callable[[PlannedTask], dict[str, str | Image.Image]]
    remarks: tuple[str, ...] = ()
    toy_weights: tuple[str, ...] = ()  # the runs that have them, on the split of another data set
    target_time: tuple[str, ...] = ()  # the runs that were given the time of the target
    images: dict[str, str] = field(default_factory=dict)  # run → digest of its images

    @property
    def split(self) -> Split:
        """The split whose samples are shown."""
        return self.frames.split

    def notices(self) -> list[str]:
        """Sentences that the user should read."""
        found = list(self.remarks)
        if self.toy_weights:
            found.append(
                f"{', '.join(self.toy_weights)} {TOY_MARK}: small weights that know only the toy "
                "kitchen and show nothing on this data set."
            )
        if len(self.examples) < self.options.examples:
            found.append(
                f"only {len(self.examples)} examples can be shown, not {self.options.examples}."
            )
        url = self.options.image_base_url
        if url is None:
            found.append(
                "without --image-base-url the images' URLs are relative: "
                "this batch is only for preview."
            )
        elif not url.startswith("https://"):
            found.append("Mechanical Turk shows only images with https:// URLs.")
        return found


def numbered(
    votes: Sequence[PlannedTask], checks: Sequence[PlannedTask], key: bytes
) -> list[PlannedTask]:
    """Votes and checks in one secret order, named t001, t002, …; names of votes are unique."""
    drafts = {task.name: task for task in votes}
    drafts |= {f"check {index}": task for index, task in enumerate(checks)}
    order = shuffled(list(drafts), key, "tasks")
    digits = max(3, len(str(len(order))))
    names = {draft: f"t{number:0{digits}d}" for number, draft in enumerate(order, start=1)}
    return [
        replace(drafts[draft], name=names[draft], repeats=names.get(drafts[draft].repeats, ""))
        for draft in order
    ]


def secret_key(split: Split, tables: Sequence[pd.DataFrame], seed: int) -> bytes:
    """The key of the orders and file names, which raters must not be able to recompute.

    It is a hash of the hashes of all target frames and of `tables`, which state which run made
    which images of the whole split: exactly what a rater does not know. Therefore the same command
    writes the same batch, although the code is public and the seed may be known.
    """
    digest = hashlib.sha256(f"{seed}\x1f{split.fingerprint}\n".encode())
    for table in (split.samples[["sample_id", "target_sha256"]], *tables):
        digest.update(csv_text(table).encode())
    return digest.digest()


def csv_text(table: pd.DataFrame) -> str:
    """The text of `table.to_csv(index=False)`, much faster for ids and hashes, without quotes."""
    columns = [[str(name), *table[name].tolist()] for name in table]
    if len(columns) > 1 and all(set(map(type, cells)) == {str} for cells in columns):
        text = "\n".join([*map(",".join, zip(*columns, strict=True)), ""])
        lines = len(table) + 1
        plain = (text.count("\n"), text.count(",")) == (lines, lines * (len(columns) - 1))
        if plain and '"' not in text and "\r" not in text:
            return text.replace("\n", os.linesep)
    return table.to_csv(index=False)


def image_name(key: bytes, task: str, column: str) -> str:
    """An image's file name, which depends on its place in this study, not on its method."""
    return f"{keyed_hash(key, 'image', task, column)}.png"
