"""A study with simulated votes, and scores by metrics whose accuracy is known."""

from pathlib import Path

import numpy as np
import pandas as pd

from egoactgen_bench.artifacts.manifest_base import build
from egoactgen_bench.artifacts.manifests import ScoreManifest
from egoactgen_bench.artifacts.scores import COMPARISON_COLUMNS, ERROR_COLUMNS
from egoactgen_bench.artifacts.study_manifests import StudyManifest, tasks_digest
from egoactgen_bench.support.files import write_csv

RUNS = ["lego", "ip2p", "sdedit", "proxedit"]
BEST = 0.6  # of the votes are for the output that is best, the others for any other one
# A vote for the best output orders its three pairs like "oracle"; one for another output only a
# third of them: it is worse than the best one, and one of the two others is above or below it.
ACCURACY = {
    "oracle": BEST + (1 - BEST) / 3,
    "half": (BEST + (1 - BEST) / 3 + 0.5) / 2,  # "oracle" for half of the examples, else noise
    "noise": 0.5,
    "ties": BEST + (1 - BEST) / 3,  # 1 for the best output, else 0
    "opposite": BEST + (1 - BEST) / 3,  # −oracle; lower is better
    "constant": 0.5,
    "partial": BEST + (1 - BEST) / 3,  # oracle, without a value for every fifth example
}


def write_drawn_study(
    root: Path, videos: int = 20, raters: int = 10, per_example: int = 5, seed: int = 0
) -> Path:
    """Write a study of 60 examples with imported votes, and the scores of its split."""
    source = np.random.default_rng(seed)
    samples = [f"s{number:02d}" for number in range(60)]
    # Votes of a video, and those of a rater, are similar: both differ in how often they are right.
    right = BEST + source.choice([-0.15, 0.15], (videos, 1)) + source.choice([-0.1, 0.1], raters)
    best = source.integers(0, 4, 60)
    rows = []
    for number, sample in enumerate(samples):
        for rater in source.permutation(raters)[:per_example]:
            others = [run for run in range(4) if run != best[number]]
            hit = source.random() < right[number % videos, rater]
            run = best[number] if hit else source.choice(others)
            rows.append((f"t{number:03d}", sample, f"w{rater}", RUNS[run], "Approved", "vote"))
    study = root / "studies" / "simulated"
    columns = ["task", "sample_id", "worker", "run", "status", "kind"]
    rows.append(("check", samples[0], "w0", RUNS[0], "Approved", "check"))
    write_csv(study / "ratings.csv", pd.DataFrame(rows, columns=columns))
    _write_study(study, {sample: f"V{n % videos}" for n, sample in enumerate(samples)})
    write_scores(root / "scores" / "drawn" / "standard", samples, _values(source, best))
    return study


def _write_study(folder: Path, videos: dict[str, str]) -> None:
    tasks = [
        {"name": f"t{number:03d}", "sample_id": sample, "kind": "vote", "candidates": RUNS}
        for number, sample in enumerate(videos)
    ]
    build(
        StudyManifest,
        {
            "name": folder.name,
            "study": "best-of",
            "split": "drawn",
            "fingerprint": "f" * 64,
            "candidates": RUNS,
            "options": {"seed": 0},
            "counts": {"examples": len(videos), "votes": len(videos), "checks": 0},
            "videos": videos,
            "tasks_sha256": tasks_digest("00", tasks),
            "secret": "00",
            "tasks": tasks,
        },
    ).save(folder / "study.json")


def _values(source: np.random.Generator, best: np.ndarray) -> dict[str, np.ndarray]:
    """Metric → (60, 4) values."""
    oracle = source.random((60, 4))
    oracle[np.arange(60), best] += 1
    noise = source.random((60, 4))
    partial = oracle.copy()
    partial[::5] = np.nan
    return {
        "oracle": oracle,
        "half": np.where(source.random((60, 1)) < 0.5, oracle, noise),
        "noise": noise,
        "ties": (oracle > 1).astype(float),
        "opposite": -oracle,
        "constant": np.full((60, 4), 3.0),
        "partial": partial,
    }


def write_scores(folder: Path, samples: list[str], values: dict[str, np.ndarray]) -> None:
    """Scores of `RUNS` as `bench score` writes them, with the set metric `fid`."""
    rows = [
        ("drawn", RUNS[run], sample, metric, table[place, run], metric)
        for metric, table in values.items()
        for place, sample in enumerate(samples)
        for run in range(4)
        if not np.isnan(table[place, run])
    ]
    rows += [("drawn", run, "", "fid", float(place), "fid") for place, run in enumerate(RUNS)]
    columns = ["split", "run", "sample_id", "metric", "value", "signature"]
    write_csv(folder / "scores.csv", pd.DataFrame(rows, columns=columns))
    summary = pd.DataFrame({"run": RUNS, "n": 60, "fid": range(4)})
    for metric, table in values.items():
        summary[metric] = np.nanmean(table, axis=0)
    for metric in (*values, "fid"):
        summary[[f"{metric}_lo", f"{metric}_hi"]] = np.nan
    write_csv(folder / "summary.csv", summary)
    write_csv(folder / "comparisons.csv", pd.DataFrame(columns=list(COMPARISON_COLUMNS)))
    write_csv(folder / "errors.csv", pd.DataFrame(columns=list(ERROR_COLUMNS)))
    metrics = {
        metric: {
            "label": metric.capitalize(),
            "unit": "",
            "factor": 1.0,
            "decimals": 2,
            "higher_is_better": metric not in ("opposite", "fid"),
            "primary": False,
            "per_sample": metric != "fid",
            "signature": metric,
        }
        for metric in (*values, "fid")
    }
    build(
        ScoreManifest,
        {
            "split": "drawn",
            "fingerprint": "f" * 64,
            "protocol": "standard",
            "bootstrap": {"draws": 0},
            "runs": [{"run": run, "reference": False, "n": 60} for run in RUNS],
            "metrics": metrics,
        },
    ).save(folder / "score.json")
