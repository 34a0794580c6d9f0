"""The manifests of a user study and of its answers."""

import json
from typing import Any, ClassVar, Literal

from pydantic import Field

from egoactgen_bench.artifacts.manifest_base import Count, Manifest, Record
from egoactgen_bench.artifacts.manifests import marked
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.safe_names import SafeName


class StudyTask(Record):
    """A question of a study, as study.json records it."""

    name: str
    sample_id: str
    kind: Literal["vote", "check"]
    candidates: list[str]
    expected: str = ""
    repeats: str = ""
    text_from: str = ""
    text: dict[str, str] = Field(default_factory=dict)


class StudyCounts(Record):
    """The size of a study."""

    examples: Count
    votes: Count
    checks: Count


class StudyChoices(Record):
    """The options of a study."""

    seed: int


class AgreementManifest(Manifest):
    """agreement.json: statistics of a study's imported answers."""

    noun: ClassVar[str] = "set of imported answers"
    made_by: ClassVar[str] = "bench import-amt"
    votes: Count
    examples: Count
    workers: Count
    videos: Count = 0
    krippendorff_alpha: dict[str, float | None]
    alpha_intervals: dict[str, dict[str, Any]] = Field(default_factory=dict)  # question → lo, hi
    withheld_intervals: dict[str, str] = Field(default_factory=dict)  # run → why
    invents: dict[str, dict[str, int]] = Field(default_factory=dict)
    checks: dict[str, dict[str, int]]
    excluding: dict[str, dict[str, Any]]


class StudyManifest(Manifest):
    """study.json: a user study. Its secret reveals which method generated which image."""

    noun: ClassVar[str] = "study"
    made_by: ClassVar[str] = "bench export-amt"
    name: SafeName
    study: Literal["best-of", "description"]
    split: SafeName
    fingerprint: str
    frames_fingerprint: str | None = None
    candidates: list[str]
    toy_weights: list[str] = Field(default_factory=list)  # those of `candidates` that use them
    target_time: list[str] = Field(default_factory=list)  # those that know the target's time
    notes: list[str] = Field(default_factory=list)
    options: StudyChoices
    counts: StudyCounts
    videos: dict[str, str] = Field(default_factory=dict)  # sample id → video id
    images: dict[str, str] = Field(default_factory=dict)  # run → digest of what raters saw of it
    tasks_sha256: str  # over the secret and the tasks
    secret: str = Field(pattern=r"^(?:[0-9a-f]{2})+$")
    tasks: list[StudyTask]
    files: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        """Each candidate as tables and figures show it."""
        return {
            run: marked(
                run, toy_weights=run in self.toy_weights, target_time=run in self.target_time
            )
            for run in self.candidates
        }

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """0.1.0 recorded no digest of the tasks."""
        tasks, secret = content.get("tasks"), content.get("secret")
        if "tasks_sha256" in content or not isinstance(tasks, list) or not isinstance(secret, str):
            return content
        return content | {"tasks_sha256": tasks_digest(secret, tasks)}


def tasks_digest(secret: str, tasks: list[Any]) -> str:
    """sha256 over a study's secret and its tasks, without the texts that they show."""
    kept = [
        {key: value for key, value in task.items() if key != "text"}
        for task in tasks
        if isinstance(task, dict)
    ]
    text = json.dumps([secret, kept], sort_keys=True)
    return sha256_bytes(text.encode())
