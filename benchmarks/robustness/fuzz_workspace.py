"""A small workspace with one folder of each kind, and the commands that read each file of it."""

import csv
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.robustness.hostile_values import SECRET
from egoactgen_bench.cli import main

SAMPLES = 4
COLOUR = (13, 37, 99)  # of the image outside, which must not be in any result
ACTIONS = ("open drawer", "take mug", "cut onion")

SPLIT, RUN, SCORES = "splits/few", "runs/few/a", "scores/few/standard"
VERIFY_SPLIT = ("verify", f"workspace/{SPLIT}")
NEW_RUN = ("run", "--split", "few", "--method", "copy-input", "--name", "new")
SCORE = ("score", "--split", "few", "--metrics", "psnr,ssim")
REPORT = ("report", "--split", "few")
PACK = ("pack", "--split", "few", "--group", "new")
BEST_OF = ("export-amt", "--split", "few", "--examples", "2", "--name", "new")
DESCRIPTION = (*BEST_OF, "--study", "description")
IMAGINE = ("imagine", "clip-0_1", "--split", "few", "--action", "open drawer", "--method",
           "copy-input")  # fmt: skip
DOCTOR = ("doctor", f"workspace/{RUN}", "--split", "few", "--metric", "psnr", "--value", "20")
SHARD = ("run", "--split", "few", "--method", "copy-input", "--name", "half", "--shard")
PREPARE = ("prepare-splits", "lego-release", "--annotations", "workspace/datasets/released")
IMPORT = ("import-amt", "workspace/results.csv", "--study", "workspace/studies/few-best-of")
ZIP = "workspace/packs/few-alpha.zip"

# The commands that read a file, by the beginning of its path in the workspace.
READERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "splits": (VERIFY_SPLIT, NEW_RUN, SCORE, REPORT, PACK, BEST_OF, DESCRIPTION, IMAGINE, DOCTOR,
               (*NEW_RUN, "--dry-run"), (*PREPARE, "--name", "few")),
    "runs/few/half": ((*SHARD, "2/2", "--batch-size", "1"),),
    "runs": (("verify", f"workspace/{RUN}"), SCORE, REPORT, PACK, BEST_OF, DOCTOR,
             ("run", "--split", "few", "--method", "copy-input", "--name", "a")),
    "scores": (("verify", f"workspace/{SCORES}"), REPORT, PACK, SCORE),
    "studies": (("verify", "workspace/studies/few-best-of"), IMPORT, REPORT,
                ("export-amt", "--split", "few", "--examples", "2")),
    "imagined": (IMAGINE,),
    "packs": (("verify", ZIP), ("report", ZIP)),
    "datasets": ((*PREPARE, "--name", "new"),),
    "results.csv": (IMPORT,),
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit status and what it printed."""

    status: int
    out: str
    err: str


def bench(*arguments: str) -> Outcome:
    """Run the program in this process, in the current folder with its `workspace`."""
    out, err = StringIO(), StringIO()
    status: object = None
    argv, sys.argv = sys.argv, ["bench", *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        status = stop.code
    finally:
        sys.argv = argv
    return Outcome(status if isinstance(status, int) else 0, out.getvalue(), err.getvalue())


def readers(name: str) -> tuple[tuple[str, ...], ...]:
    """The commands that read a file of the workspace."""
    return next(found for start, found in READERS.items() if name.startswith(start))


def write_workspace(folder: Path) -> None:
    """Write `workspace/`, and `outside/` with files that no command may read."""
    _write_secrets(folder / "outside")
    _write_annotations(folder / "workspace" / "datasets" / "released")
    os.chdir(folder)
    done(*PREPARE, "--name", "few")
    for name, method in (("a", "copy-input"), ("b", "images:workspace/images")):
        _write_images(folder / "workspace" / "images")
        done("run", "--split", "few", "--method", method, "--name", name)
    done(*SCORE)
    done(*SHARD, "1/2", "--batch-size", "1")
    done("export-amt", "a", "b", "--split", "few", "--examples", "2")
    _write_answers(folder / "workspace")
    done(*IMPORT)
    done("pack", "a", "b", "--split", "few", "--group", "alpha")
    done(*IMAGINE)


def done(*arguments: str) -> None:
    outcome = bench(*arguments)
    if outcome.status:
        raise SystemExit(f"bench {' '.join(arguments)} failed: {outcome.err}")


def _write_secrets(outside: Path) -> None:
    outside.mkdir(parents=True)
    Image.new("RGB", (48, 32), COLOUR).save(outside / "secret.png")
    for suffix, text in ((".csv", f"sample_id,description\nclip-0_1,{SECRET}\n"),
                         (".json", json.dumps({"name": SECRET})), (".zip", SECRET), ("", SECRET),
                         (".html", SECRET), (".key", SECRET)):  # fmt: skip
        (outside / f"secret{suffix}").write_text(text)


def _write_annotations(folder: Path) -> None:
    entries: dict[str, dict[str, dict[str, str]]] = {}
    generator = np.random.default_rng(0)
    for number in range(SAMPLES):
        clip = f"clip-{number // 2}"
        place = folder / "EgoGen/ego4d.fho/val" / clip / str(number % 2)
        place.mkdir(parents=True)
        for image in ("1", "20"):
            small = Image.fromarray(generator.integers(0, 256, (4, 6, 3), dtype=np.uint8))
            small.resize((48, 32)).save(place / f"{image}.png")
        entries.setdefault(clip, {})[str(number % 2)] = {
            "action": ACTIONS[number % 3],
            "image_0": f"{clip}/{number % 2}/1.png",
            "image_1": f"{clip}/{number % 2}/20.png",
            "llava_tuned": f"The person does it {number}.",
        }
    (folder / "ego4d_val.json").write_text(json.dumps(entries))


def _write_images(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(SAMPLES):
        image = Image.new("RGB", (48, 32), (50 * number, 20, 200))
        image.save(folder / f"clip-{number // 2}_{number % 2}.png")


def _write_answers(workspace: Path) -> None:
    with (workspace / "studies/few-best-of/batch.csv").open(newline="") as stream:
        tasks = list(csv.DictReader(stream))
    with (workspace / "results.csv").open("w", newline="") as stream:
        columns = ["AssignmentId", "WorkerId", "AssignmentStatus", "Input.task", "Answer.choice"]
        writer = csv.writer(stream)
        writer.writerow(columns)
        for number, task in enumerate(tasks):
            writer.writerow([f"A{number}", f"W{number}", "Submitted", task["task"], "1"])
