"""Write what the shipped weights do: tables and picture of the README, results on 256 clips.

    python -m benchmarks.toy_kitchen.shown_weights --workspace DIR

Reads the finished `bench demo` and the scores of the split toy-kitchen-256 in DIR, which
`python -m benchmarks.toy_kitchen --parts shown` makes.
"""

import argparse
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
from PIL import Image

from benchmarks.toy_kitchen.plan import DEMO, LARGE, SHOWN, Plan, Step, bench
from egoactgen_baselines import toy as baselines_toy
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.support.files import sha256_bytes, sha256_file, write_text
from egoactgen_bench.toy import DENOISER_WEIGHTS
from egoactgen_lego.toy import WEIGHTS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "toy-kitchen"
PICTURE = ROOT / "docs" / "images" / "demo.jpg"
METHODS, REFERENCE = ("lego", "ip2p", "sdedit", "proxedit"), "copy-input"
HEADING = (
    "| | LEGO | InstructPix2Pix | SDEdit | ProxEdit | input frame |\n|---|---|---|---|---|---|\n"
)
REGION_HEADING = (
    "| run | LPIPS hands | LPIPS object | LPIPS background "
    "| DINOv2 hands | DINOv2 object | DINOv2 background |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)
REGION_PARTS = ("hands", "object", "background")
# Rows of the tables: the title of each metric, with an arrow to better values.
README = {
    "judge": "Judge: action ↑",
    "judge_side": "Judge: side ↑",
    "egovlp": "EgoVLP ↑",
    "clip": "CLIP ↑",
    "lpips": "LPIPS ↓",
    "psnr": "PSNR ↑",
}
PAGE = {
    "judge": "Judge: action ↑",
    "judge_side": "Judge: side ↑",
    "judge_target": "Judge: target ↑",
    "egovlp": "EgoVLP ↑",
    "fid": "FID ↓",
}
REGIONS = [f"{metric}_{part}" for metric in ("lpips", "dino") for part in REGION_PARTS]
MEASURED = ("swapped", "reconstructions")  # programs, and their files
WIDTH = 1056  # pixels of the picture
FILES = {  # of the scores, and their names in the results
    "table.md": "shipped.md",
    "summary.csv": "shipped.csv",
    "comparisons.csv": "shipped-tests.csv",
}


def shown(plan: Plan) -> Iterator[Step]:
    """The steps that use the shipped weights, in a workspace of their own; they train nothing."""
    plan = replace(plan, workspace=plan.workspace / f"shown-{_digest()[:8]}")
    place = plan.workspace
    page = place / "reports" / DEMO / "index.html"
    few = ("--clips", "4") if plan.quick else ()
    yield bench(plan, "demo", page, ("demo", *few))
    for split, count in {SHOWN: 256, LARGE: 1024}.items():
        limit = str(4 if plan.quick else count)
        words = ["prepare-splits", "toy-kitchen", "--limit", limit, "--name", split]
        yield bench(plan, f"draw {split}", place / "splits" / split / "split.json", words)
    for method in METHODS:
        words = ["run", method, "--split", SHOWN, "--name", method]
        output = place / "runs" / SHOWN / method / "run.json"
        yield bench(plan, f"run {method}", output, words, (f"draw {SHOWN}",))
    scores = place / "scores" / SHOWN / "standard" / "score.json"
    words = ["score", *METHODS, "--split", SHOWN, "--reference", REFERENCE]
    runs = tuple(f"run {method}" for method in METHODS)
    yield bench(plan, "score shown", scores, words, runs)
    for name in MEASURED:
        output = place / f"{name}.csv"
        program = ("python", "-m", f"benchmarks.toy_kitchen.{name}", "--split", LARGE)
        where = ("--workspace", str(place), "--csv", str(output))
        yield Step(name, (*program, *where), output, (f"draw {LARGE}",))
    program = ("python", "-m", "benchmarks.toy_kitchen.shown_weights")
    done = place / "shown.txt"
    needs = ("demo", "score shown", *MEASURED)
    yield Step("shown weights", (*program, "--workspace", str(place)), done, needs)


def _digest() -> str:
    """A hash of the shipped weights."""
    roots = (baselines_toy.FOLDER, DENOISER_WEIGHTS, WEIGHTS)
    files = sorted(path for root in roots for path in root.rglob("*.safetensors"))
    return sha256_bytes("".join(map(sha256_file, files)).encode())


def rows(summary: pd.DataFrame, metrics: Mapping[str, str]) -> list[str]:
    """Rows of a table: values with their 95 % intervals, the best method in bold."""
    by_run = summary.set_index("run").loc[[*METHODS, REFERENCE]]
    found = []
    for metric, title in metrics.items():
        methods = by_run.loc[list(METHODS), metric].round(1)
        best = methods.max() if title.endswith("↑") else methods.min()
        cells = []
        for run, row in by_run.iterrows():
            mark = "**" if run != REFERENCE and round(row[metric], 1) == best else ""
            low, high = row[f"{metric}_lo"], row[f"{metric}_hi"]
            bounds = "" if pd.isna(low) else f" [{low:.1f}, {high:.1f}]"
            cells.append(f"{mark}{row[metric]:.1f}{mark}{bounds}")
        found.append(f"| {title} | {' | '.join(cells)} |")
    return found


def region_rows(summary: pd.DataFrame) -> list[str]:
    """Rows of the table by region: one for each method, the input frame last."""
    values = summary.set_index("run").loc[[*METHODS, REFERENCE], REGIONS]
    return [
        f"| {run} | {' | '.join(f'{value:.1f}' for value in row)} |"
        for run, row in zip(values.index, values.to_numpy(), strict=True)
    ]


def fill(page: Path, heading: str, lines: list[str]) -> None:
    """Write the rows below the heading of the page's table again."""
    table = re.compile(rf"{re.escape(heading)}(?:\|.*\n)+")
    text, count = table.subn(heading + "\n".join(lines) + "\n", page.read_text("utf-8"))
    if count != 1:
        raise SystemExit(f"{page} does not have the table once.")
    write_text(page, text)


def write(place: Workspace) -> None:
    demo, scores = place.scores(DEMO, "standard"), place.scores(SHOWN, "standard")
    of_demo, of_split = (pd.read_csv(each / "summary.csv") for each in (demo, scores))
    fill(ROOT / "README.md", HEADING, rows(of_demo, README))
    fill(ROOT / "docs" / "toy-kitchen.md", HEADING, rows(of_split, PAGE))
    fill(ROOT / "docs" / "metrics.md", REGION_HEADING, region_rows(of_demo))
    with Image.open(place.report(DEMO) / "figures" / "examples.png") as figure:
        height = round(figure.height * WIDTH / figure.width)
        shrunk = figure.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    shrunk.save(PICTURE, quality=90)
    for source, target in FILES.items():
        shutil.copyfile(scores / source, RESULTS / target)
    for name in MEASURED:
        shutil.copyfile(place.root / f"{name}.csv", RESULTS / f"{name}.csv")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    chosen = parser.parse_args()
    write(Workspace(chosen.workspace))
    write_text(chosen.workspace / "shown.txt", "Tables and picture are written.\n")


if __name__ == "__main__":
    main()
