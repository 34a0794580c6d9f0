"""Time the report of a large split, and its page in headless Chromium.

    python benchmarks/report.py --folder /tmp/bench --samples 10000 --runs 5

The split, the runs and the scores of five metrics are synthetic; nothing is scored.
"""

import argparse
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from egoactgen_bench import load_split, report
from egoactgen_bench.analysis.slices import all_slices
from egoactgen_bench.artifacts.scores import load_scores
from egoactgen_bench.artifacts.splits import fingerprint, frames_fingerprint
from egoactgen_bench.support.files import sha256_bytes, write_csv, write_json
from egoactgen_bench.support.images import png_bytes

SIZE = (64, 36)
VERBS = 97  # as in EPIC-KITCHENS
SORT = """() => {
  const begun = performance.now(), order = document.querySelector("[name=order]");
  order.value = "disagreement";
  order.dispatchEvent(new Event("change", { bubbles: true }));
  return performance.now() - begun;
}"""
METRICS = ("egovlp", "egovlp_plus", "clip", "psnr", "lpips")


def image(path: Path, generator: np.random.Generator) -> str:
    """Write a small random image and return its sha256."""
    small = generator.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    data = png_bytes(Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return sha256_bytes(data)


def draw_split(folder: Path, count: int) -> None:
    generator = np.random.default_rng(0)
    rows = []
    for number in range(count):
        verb = f"verb{int(VERBS * generator.random() ** 3):02d}"
        row = {"sample_id": f"P{number % 37:02d}_{number % 138:03d}_{number}", "dataset": "drawn"}
        row |= {"video_id": f"P{number % 37:02d}_{number % 138:03d}", "verb": verb}
        row |= {"action": f"{verb} noun{number % 300}", "noun": f"noun{number % 300}"}
        times = {"t_start": 1.0, "t_end": 2.0, "t_input": 0.75, "t_target": 1.6}
        for role in ("input", "target"):
            row[f"{role}_frame"] = f"frames/{row['sample_id']}/{role}.png"
            row[f"{role}_sha256"] = image(folder / row[f"{role}_frame"], generator)
        rows.append(row | times | {"width": SIZE[0], "height": SIZE[1]})
    samples = pd.DataFrame(rows)
    write_csv(folder / "samples.csv", samples)
    texts = (
        "The right hand reaches for the thing and holds it while the left hand keeps still. " * 3
    )
    descriptions = samples[["sample_id"]].assign(description=samples["action"] + ". " + texts)
    write_csv(folder / "descriptions" / "drawn.csv", descriptions)
    manifest = {"name": folder.name, "dataset": "drawn", "subset": "val", "egovlp": "4-frame"}
    manifest |= {"recipe": {}, "counts": {"kept": count, "rejected": 0, "by_reason": {}}}
    prints = {
        "fingerprint": fingerprint(samples),
        "frames_fingerprint": frames_fingerprint(samples),
    }
    write_json(folder / "split.json", manifest | prints)


def draw_run(folder: Path, samples: pd.DataFrame, seed: int, manifest: dict) -> None:
    generator = np.random.default_rng(seed)
    names = "images/" + samples["sample_id"] + ".png"
    table = pd.DataFrame({"sample_id": samples["sample_id"], "image": names})
    table["sha256"] = [image(folder / name, generator) for name in names]
    write_csv(folder / "samples.csv", table.assign(seed=0, prompt="", status="ok", detail=""))
    write_json(folder / "run.json", manifest | {"method": folder.name})


def draw_scores(folder: Path, workspace: Path, runs: list[str]) -> None:
    split = load_split(workspace / "splits" / "drawn")
    ids = split.samples["sample_id"]
    generator = np.random.default_rng(1)
    parts = [
        pd.DataFrame({"split": "drawn", "run": run, "sample_id": ids, "metric": metric})
        .assign(value=generator.normal(0.5, 0.1, len(ids)), signature=metric)
        for run in runs
        for metric in METRICS
    ]  # fmt: skip
    values = pd.concat(parts)
    write_csv(folder / "scores.csv", values)
    means = values.groupby(["run", "metric"])["value"].mean().unstack()
    bounds = {
        f"{m}{end}": means[m] + d for m in METRICS for end, d in (("_lo", -0.01), ("_hi", 0.01))
    }
    write_csv(folder / "summary.csv", means.assign(n=len(ids), **bounds).reset_index())
    columns = ["metric", "run_a", "run_b", "difference", "p_value"]
    write_csv(folder / "comparisons.csv", pd.DataFrame(columns=columns))
    columns = ["run", "sample_id", "metric", "code", "detail"]
    write_csv(folder / "errors.csv", pd.DataFrame(columns=columns))
    about = {"unit": "", "factor": 1.0, "decimals": 4, "primary": False, "per_sample": True}
    manifest = {
        "split": "drawn",
        "fingerprint": split.fingerprint,
        "protocol": "standard",
        "bootstrap": {"draws": 100},
        "runs": [{"run": run, "reference": False, "n": len(ids)} for run in runs],
        "published": [],
        "metrics": {
            m: about | {"label": m, "signature": m, "higher_is_better": m != "lpips"}
            for m in METRICS
        },
        "failed_metrics": {},
        "notices": [],
    }
    write_json(folder / "score.json", manifest)
    write_csv(folder / "slices.csv", all_slices(load_scores(folder), split))


def draw_workspace(folder: Path, samples: int, runs: int) -> None:
    """Write everything that a report reads, unless it exists."""
    split, names = folder / "splits" / "drawn", [f"run{number}" for number in range(runs)]
    if (folder / "scores/drawn/standard/slices.csv").is_file():
        return
    draw_split(split, samples)
    loaded = load_split(split)
    same = {
        "split": "drawn",
        "fingerprint": loaded.fingerprint,
        "frames_fingerprint": loaded.frames_fingerprint,
    }
    for seed, name in enumerate(names, start=1):
        draw_run(folder / "runs" / "drawn" / name, loaded.samples, seed, same)
    draw_scores(folder / "scores" / "drawn" / "standard", folder, names)


def in_browser(page: Path) -> dict[str, float]:
    """Milliseconds from navigation to the first paint and to the gallery, and of one sort."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(page.as_uri(), wait_until="load")
        tab.wait_for_selector("#cards .sample")
        first_paint = tab.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        ready = tab.evaluate(
            "performance.timing.domInteractive - performance.timing.navigationStart"
        )
        sort = tab.evaluate(SORT)
        browser.close()
    return {"first_paint_ms": first_paint, "gallery_ms": ready, "sort_ms": sort}


def measure(folder: Path) -> dict[str, float]:
    """Time of the first and a second report, sizes, and the page in a browser (best of three)."""
    split, out = load_split(folder / "splits" / "drawn"), folder / "reports" / "drawn"
    shutil.rmtree(out, ignore_errors=True)
    found = {}
    for name in ("seconds", "seconds_again"):
        start = time.perf_counter()
        page = report(split, folder).page
        found[name] = time.perf_counter() - start
    found["page_mb"] = page.stat().st_size / 1e6
    thumbnails = list(out.glob("thumbnails/*/*/*.webp"))
    found["thumbnails"] = len(thumbnails)
    found["thumbnails_mb"] = sum(path.stat().st_size for path in thumbnails) / 1e6
    times = [in_browser(page) for _ in range(3)]
    return found | {name: min(each[name] for each in times) for name in times[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--folder",
        type=Path,
        required=True,
        help="folder of the synthetic workspace, which is kept",
    )
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--csv", type=Path, help="where to write the table")
    options = parser.parse_args()
    draw_workspace(options.folder, options.samples, options.runs)
    found = {"samples": options.samples, "runs": options.runs} | measure(options.folder)
    table = pd.DataFrame([found]).round(2)
    print(f"{os.cpu_count()} cores")
    print(table.T.to_string(header=False))
    if options.csv:
        write_csv(options.csv, table)


if __name__ == "__main__":
    main()
