"""Stage export-amt: write a study's folder, its manifest last."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import read_json, sha256_file, write_csv, write_json, write_text
from egoactgen_bench.images import write_png
from egoactgen_bench.provenance import versions
from egoactgen_bench.records import is_safe_id
from egoactgen_bench.splits import load_split
from egoactgen_bench.user_study import pages
from egoactgen_bench.user_study.best_of import plan_best_of
from egoactgen_bench.user_study.description import plan_description
from egoactgen_bench.user_study.plan import Options, Plan, frame, picture_name
from egoactgen_bench.user_study.sampling import shuffled
from egoactgen_bench.user_study.text import html_cell
from egoactgen_bench.workspace import Workspace

MANIFEST = "study.json"
IMAGES = "images"


def export(
    workspace: Workspace,
    split_name: str | None,
    options: Options,
    runs: Sequence[str] = (),
    descriptions: Sequence[str] = (),
    name: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> tuple[Path, Plan]:
    """Plan a study and write it to `out`, or to the workspace under its name."""
    _check(options, runs, descriptions)
    split = load_split(workspace.find_split(split_name))
    if split.frames_fingerprint is None:
        raise BenchError(
            f"Split '{split.name}' has times only, no frames to show: prepare it with its videos."
        )
    if options.study == "best-of":
        plan = plan_best_of(workspace, split, runs, options)
    else:
        plan = plan_description(split, descriptions, options)
    name = name or f"{split.name}-{options.study}"
    if not is_safe_id(name):
        raise BenchError(f"'{name}' cannot be a study's name: use letters, digits, '.', '_', '-'.")
    folder = out or workspace.study(name)
    write_study(plan, folder, name, overwrite)
    return folder, plan


def find_study(workspace: Workspace, name: str | None) -> Path:
    """The folder of a finished study by its path or name; by default the latest."""
    if name is not None:
        folder = next((f for f in (Path(name), workspace.study(name)) if f.is_dir()), Path(name))
        if not (folder / MANIFEST).is_file():
            raise BenchError(f"{folder} holds no finished study: make one with `bench export-amt`.")
        return folder
    finished = list(workspace.root.glob(f"studies/*/{MANIFEST}"))
    if not finished:
        raise BenchError(
            f"There is no finished study in {workspace.root / 'studies'}: name its folder with "
            "--study, or make one with `bench export-amt`."
        )
    return max(finished, key=lambda path: path.stat().st_mtime_ns).parent


def _check(options: Options, runs: Sequence[str], descriptions: Sequence[str]) -> None:
    if options.study == "best-of" and descriptions:
        raise BenchError("--descriptions belongs to --study description; best-of compares runs.")
    if options.study == "description" and runs:
        raise BenchError(
            "--study description shows no runs: name description sets with --descriptions NAME."
        )
    url = options.image_base_url
    if url is not None and not re.fullmatch(r"https?://[^\s\"'<>$,?#]+", url):
        raise BenchError(f"--image-base-url '{url}' is not an address like https://host/folder.")


def write_study(plan: Plan, folder: Path, name: str, overwrite: bool = False) -> None:
    """Write study.json, batch.csv, key.csv, hit.html, preview.html and images/.

    Raises `BenchError` where a finished study with another key lies there.
    """
    _make_room(folder, plan, overwrite)
    pictures = _Pictures(folder / IMAGES, plan.key)
    shown = [_place(task.name, plan.show(task), pictures) for task in plan.tasks]
    rows = [pages.Row(task.name, columns) for task, columns in zip(plan.tasks, shown, strict=True)]
    example = _instruction_example(plan, pictures)
    base = (plan.options.image_base_url or IMAGES).rstrip("/")
    batch = [
        {"task": row.task} | {c: _cell(value, base) for c, value in row.columns.items()}
        for row in rows
    ]
    key_rows = [row for task in plan.tasks for row in task.key_rows()]
    write_csv(folder / "batch.csv", pd.DataFrame(batch))
    write_csv(folder / "key.csv", pd.DataFrame(key_rows))
    look = pages.Look(plan.options.study, len(plan.candidates), example, plan.options.consent)
    write_text(folder / "hit.html", pages.hit(look, base))
    write_text(folder / "preview.html", pages.preview(look, name, rows, batch, plan.key))
    files = ["batch.csv", "key.csv", "hit.html", "preview.html", *pictures.relative_names()]
    manifest = {
        "name": name,
        **_recipe(plan),
        "secret": plan.key.hex(),
        "tasks": [
            task.as_json() | {"text": _texts(row.columns)}
            for task, row in zip(plan.tasks, rows, strict=True)
        ],
        "files": {name: sha256_file(folder / name) for name in files},
        "versions": versions(),
    }
    write_json(folder / MANIFEST, manifest)
    pictures.remove_others()


def _recipe(plan: Plan) -> dict[str, Any]:
    return {
        "study": plan.options.study,
        "split": plan.split.name,
        "fingerprint": plan.split.fingerprint,
        "frames_fingerprint": plan.split.frames_fingerprint,
        "candidates": list(plan.candidates),
        "options": asdict(plan.options),
        "counts": {
            "examples": len(plan.examples),
            "votes": sum(task.kind == "vote" for task in plan.tasks),
            "checks": sum(task.kind == "check" for task in plan.tasks),
        },
    }


def _make_room(folder: Path, plan: Plan, overwrite: bool) -> None:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return
    old = read_json(manifest)
    tasks = [{k: v for k, v in task.items() if k != "text"} for task in old.get("tasks", [])]
    if old.get("secret") == plan.key.hex() and tasks == [task.as_json() for task in plan.tasks]:
        return
    if not overwrite:
        raise BenchError(
            f"{folder} holds another study, and answers to it may be on their way: "
            "give this one another --name, or replace that one with --overwrite."
        )
    manifest.unlink()


class _Pictures:
    """The study's image folder: names say nothing, files hold nothing but pixels."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder = folder
        self.key = key
        self.names: list[str] = []

    def add(self, image: Image.Image, task: str, column: str) -> pages.Picture:
        name = picture_name(self.key, task, column)
        write_png(self.folder / name, image)
        self.names.append(name)
        return pages.Picture(name)

    def relative_names(self) -> list[str]:
        return [f"{IMAGES}/{name}" for name in self.names]

    def remove_others(self) -> None:
        """Remove pictures of an earlier study, which nobody should upload."""
        for path in self.folder.glob("*.png"):
            if path.name not in set(self.names):
                path.unlink()


def _place(
    task: str, columns: dict[str, str | Image.Image], pictures: _Pictures
) -> dict[str, str | pages.Picture]:
    return {
        column: value if isinstance(value, str) else pictures.add(value, task, column)
        for column, value in columns.items()
    }


def _cell(value: str | pages.Picture, base: str) -> str:
    return html_cell(value) if isinstance(value, str) else f"{base}/{value.name}"


def _texts(columns: dict[str, str | pages.Picture]) -> dict[str, str]:
    return {column: value for column, value in columns.items() if isinstance(value, str)}


def _instruction_example(plan: Plan, pictures: _Pictures) -> pages.Example | None:
    """Real frames of two samples outside the study that share neither verb nor noun, or None."""
    spare = plan.split.samples[plan.split.samples["sample_id"].isin(plan.spare)]
    checked = {task.sample_id for task in plan.tasks}
    rows = spare[~spare["sample_id"].isin(checked)].set_index("sample_id")
    for good in shuffled(rows.index.tolist(), plan.key, "instructions"):
        this = rows.loc[good]
        others = rows[(rows["verb"] != this["verb"]) & (rows["noun"] != this["noun"])]
        if not others.empty:
            bad = shuffled(others.index.tolist(), plan.key, "instructions")[0]
            before, after = frame(plan.split, good, "input"), frame(plan.split, good, "target")
            return pages.Example(
                action=str(this["action"]),
                other_action=str(others.loc[bad, "action"]),
                input=pictures.add(before, "instructions", "input"),
                good=pictures.add(after, "instructions", "good"),
                bad=pictures.add(frame(plan.split, bad, "target"), "instructions", "bad"),
            )
    return None
