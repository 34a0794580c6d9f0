"""The stage `export-amt`: writes the folder of a study."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from egoactgen_bench.artifacts.manifests import STUDY
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.study_manifests import StudyManifest, tasks_digest
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.study import study_pages
from egoactgen_bench.stages.study.best_of_study import plan_best_of
from egoactgen_bench.stages.study.description_study import plan_description
from egoactgen_bench.stages.study.example_sampling import shuffle_keys
from egoactgen_bench.stages.study.safe_text import html_cell
from egoactgen_bench.stages.study.study_options import StudyOptions
from egoactgen_bench.stages.study.study_plan import StudyPlan, image_name
from egoactgen_bench.support.files import sha256_file, write_csv, write_text
from egoactgen_bench.support.images import write_png
from egoactgen_bench.support.provenance import versions
from egoactgen_bench.support.safe_names import is_safe_id

IMAGES = "images"
INSTRUCTION_CANDIDATES = 1000


def export(
    workspace: Workspace,
    split: Split,
    options: StudyOptions,
    runs: Sequence[str] = (),
    descriptions: Sequence[str] = (),
    name: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> tuple[Path, StudyPlan]:
    """Plan a study and write it to `out`, or to the workspace under its name."""
    _check(options, runs, descriptions)
    split.require_frames()
    if options.study == "best-of":
        plan = plan_best_of(workspace, split, runs, options)
    else:
        plan = plan_description(split, descriptions, options)
    name = name or f"{split.name}-{options.study}"
    if not is_safe_id(name):
        raise BenchError(
            f"'{name}' is not a valid study name: use letters, digits, '.', '_' and '-'."
        )
    folder = out or workspace.study(name)
    write_study(plan, folder, name, overwrite)
    return folder, plan


def _check(options: StudyOptions, runs: Sequence[str], descriptions: Sequence[str]) -> None:
    if options.study == "best-of" and descriptions:
        raise BenchError(
            "--descriptions is an option of --study description: --study best-of compares runs."
        )
    if options.study == "description" and runs:
        raise BenchError(
            "--study description compares sets of descriptions, not runs: choose them with "
            "--descriptions NAME."
        )
    url = options.image_base_url
    if url is not None and not re.fullmatch(r"https?://[^\s\"'<>$,?#]+", url):
        raise BenchError(f"--image-base-url '{url}' is not a URL like https://host/folder.")


def write_study(plan: StudyPlan, folder: Path, name: str, overwrite: bool = False) -> None:
    """Write study.json, batch.csv, key.csv, hit.html, preview.html and images/.

    Raises `BenchError` if `folder` contains a study with other tasks, to which raters may still be
    answering, unless `overwrite` is set.
    """
    work = WorkFolder(
        folder / STUDY,
        StudyManifest,
        _recipe(plan),
        folder / PLAN,
        elsewhere="--name or --out",
        own=("batch.csv", "key.csv", "hit.html", "preview.html", IMAGES),
    )
    work.check(overwrite)
    work.reopen()
    work.manifest.unlink(missing_ok=True)
    images = _ImageFolder(folder / IMAGES, plan.key)
    shown = [_place(task.name, plan.show(task), images) for task in plan.tasks]
    rows = [
        study_pages.Row(task.name, columns) for task, columns in zip(plan.tasks, shown, strict=True)
    ]
    example = _instruction_example(plan, images)
    base = (plan.options.image_base_url or IMAGES).rstrip("/")
    batch = [
        {"task": row.task} | {c: _cell(value, base) for c, value in row.columns.items()}
        for row in rows
    ]
    key_rows = [row for task in plan.tasks for row in task.key_rows()]
    write_csv(folder / "batch.csv", pd.DataFrame(batch))
    write_csv(folder / "key.csv", pd.DataFrame(key_rows))
    look = study_pages.Look(
        plan.options.study, len(plan.candidates), example, plan.options.consent, images.ratio
    )
    write_text(folder / "hit.html", study_pages.hit(look, base))
    write_text(folder / "preview.html", study_pages.preview(look, name, rows, batch, plan.key))
    files = ["batch.csv", "key.csv", "hit.html", "preview.html", *images.relative_names()]
    work.finish(
        {
            "name": name,
            "frames_fingerprint": plan.split.frames_fingerprint,
            "toy_weights": list(plan.toy_weights),
            "target_time": list(plan.target_time),
            "notes": plan.notices(),
            "options": plan.options.model_dump(include=set(StudyOptions.model_fields)),
            "counts": {
                "examples": len(plan.examples),
                "votes": sum(task.kind == "vote" for task in plan.tasks),
                "checks": sum(task.kind == "check" for task in plan.tasks),
            },
            "videos": {
                task.sample_id: str(plan.frames.rows[task.sample_id]["video_id"])
                for task in plan.tasks
            },
            "images": plan.images,
            "secret": plan.key.hex(),
            "tasks": [
                task.as_json() | {"text": _texts(row.columns)}
                for task, row in zip(plan.tasks, rows, strict=True)
            ],
            "files": {name: sha256_file(folder / name) for name in files},
            "versions": versions(),
        }
    )
    images.remove_others()


def _recipe(plan: StudyPlan) -> dict[str, Any]:
    """What determines a study: a call with an equal recipe may write it again."""
    return {
        "study": plan.options.study,
        "split": plan.split.name,
        "fingerprint": plan.split.fingerprint,
        "candidates": list(plan.candidates),
        "tasks_sha256": tasks_digest(plan.key.hex(), [task.as_json() for task in plan.tasks]),
    }


class _ImageFolder:
    """The image folder of a study: neither file names nor metadata reveal the method."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder = folder
        self.key = key
        self.names: list[str] = []
        self.ratio = math.inf  # width / height of the tallest image

    def add(self, image: Image.Image, task: str, column: str) -> study_pages.PageImage:
        name = image_name(self.key, task, column)
        write_png(self.folder / name, image)
        self.names.append(name)
        self.ratio = min(self.ratio, image.width / image.height)
        return study_pages.PageImage(name)

    def relative_names(self) -> list[str]:
        return [f"{IMAGES}/{name}" for name in self.names]

    def remove_others(self) -> None:
        """Remove images of an earlier study, which must not be uploaded."""
        for path in self.folder.glob("*.png"):
            if path.name not in set(self.names):
                path.unlink()


def _place(
    task: str, columns: dict[str, str | Image.Image], images: _ImageFolder
) -> dict[str, str | study_pages.PageImage]:
    return {
        column: value if isinstance(value, str) else images.add(value, task, column)
        for column, value in columns.items()
    }


def _cell(value: str | study_pages.PageImage, base: str) -> str:
    return html_cell(value) if isinstance(value, str) else f"{base}/{value.name}"


def _texts(columns: dict[str, str | study_pages.PageImage]) -> dict[str, str]:
    return {column: value for column, value in columns.items() if isinstance(value, str)}


def _instruction_example(plan: StudyPlan, images: _ImageFolder) -> study_pages.Example | None:
    """Frames of two samples outside of the study with different verbs and nouns, or None."""
    shown = {task.sample_id for task in plan.tasks}
    others = [sample_id for sample_id in plan.spare if sample_id not in shown]
    # At equal steps: the time of an export must not grow with the split.
    spare = set(others[:: 1 + len(others) // INSTRUCTION_CANDIDATES])
    columns = (plan.split.samples[name].tolist() for name in ("sample_id", "verb", "noun"))
    cells = zip(*columns, strict=True)
    labels = {sample_id: (verb, noun) for sample_id, verb, noun in cells if sample_id in spare}
    order = shuffle_keys(labels, plan.key, "instructions").__getitem__
    while labels:
        good = min(labels, key=order)
        verb, noun = labels[good]
        if unlike := [o for o, other in labels.items() if other[0] != verb and other[1] != noun]:
            bad = min(unlike, key=order)
            rows, read = plan.frames.rows, plan.frames.read
            before, after = read(good, "input"), read(good, "target")
            return study_pages.Example(
                action=str(rows[good]["action"]),
                other_action=str(rows[bad]["action"]),
                input=images.add(before, "instructions", "input"),
                good=images.add(after, "instructions", "good"),
                bad=images.add(read(bad, "target"), "instructions", "bad"),
            )
        # If none differs from these in both, these differ from none.
        labels = {each: other for each, other in labels.items() if other != (verb, noun)}
    return None
