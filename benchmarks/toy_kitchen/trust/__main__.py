"""How far each metric can be trusted: against the judge, and on images of known order.

    python -m benchmarks.toy_kitchen.trust --folder workspace

Nothing is trained: the weights are those that come with the packages. All metrics that can be
computed are scored, and the tables are written again after each group of them. An interrupted call
resumes.
"""

import argparse
import signal
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from tqdm import tqdm

import egoactgen_bench as bench
from benchmarks.toy_kitchen import drawing
from benchmarks.toy_kitchen.trust import control_page, judge_agreement
from benchmarks.toy_kitchen.trust.control_images import write_controls
from benchmarks.toy_kitchen.trust.control_table import control_table
from benchmarks.toy_kitchen.trust.set_parts import part_values
from benchmarks.toy_kitchen.trust.trust_runs import (
    DESCRIPTIONS,
    TrustPlan,
    control_steps,
    generation_steps,
)
from benchmarks.toy_kitchen.working import run_steps
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.stages.score import scoring_job
from egoactgen_bench.support.files import write_csv, write_text

RESULTS = Path(__file__).parents[3] / "results" / "toy-kitchen"
JUDGE = list(judge_agreement.JUDGE.values())
TOGETHER = 8  # metrics that are scored in one call


def main() -> int:
    arguments = _arguments()
    warnings.filterwarnings("ignore", category=UserWarning, module=__name__)  # of every call
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that running steps are also ended
    seeds = [int(word) for word in arguments.seeds.split(",")]
    plan = TrustPlan(Workspace.of(arguments.folder), arguments.clips, seeds)
    logs = plan.place.root / "logs"
    left = run_steps(generation_steps(plan), logs, arguments.workers)
    if left:
        raise SystemExit(f"not done: {', '.join(left)} (see {logs})")
    split = bench.load_split(plan.split, workspace=plan.place.root)
    written = write_controls(split, plan.controls)
    list(tqdm(written, "controls", len(split.samples), unit="sample", disable=None))
    left = run_steps(control_steps(plan), logs, arguments.workers)
    if left:
        raise SystemExit(f"not done: {', '.join(left)} (see {logs})")
    failed = _score_all(plan, split, _groups(arguments.metrics, plan, split), arguments.results)
    for name, reason in failed.items():
        print(f"not scored: {name}: {reason}")
    return int(bool(failed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.toy_kitchen.trust",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, required=True, help="workspace, kept for resuming")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--seeds", default="0,1", help="seeds of every method")
    parser.add_argument("--metrics", metavar="A,B", help="default: every one that can be computed")
    parser.add_argument("--workers", type=int, default=1, help="number of parallel processes")
    return parser.parse_args()


def _groups(chosen: str | None, plan: TrustPlan, split: Split) -> list[list[str]]:
    """The metrics to score, related ones together, since they share work; the judge first."""
    if chosen:
        names = chosen.split(",")
    else:
        root = plan.place.root
        run = bench.load_run(plan.method_runs[-1], split=split, workspace=root)
        job = scoring_job.prepare(
            split, [run], plan.controls, workspace=root, descriptions=DESCRIPTIONS
        )
        names = [metric.name for metric in job.selection.metrics]
    others = sorted(set(names) - set(JUDGE))
    starts = range(0, len(others), TOGETHER)
    return [JUDGE, *(others[start : start + TOGETHER] for start in starts)]


def _score_all(
    plan: TrustPlan, split: Split, groups: list[list[str]], results: Path
) -> dict[str, str]:
    """Score each group, and write the tables after each; returns why some metrics have failed."""
    failed: dict[str, str] = {}
    found = Tables(split)
    for number, names in enumerate(groups):
        start = time.process_time()
        try:
            methods = _scored(plan, split, plan.method_runs, names, bootstrap=0)
            controls = _scored(plan, split, plan.control_runs, names, bootstrap=1000)
        except bench.BenchError as error:
            failed |= dict.fromkeys(names, str(error))
            continue
        failed |= methods.failed_metrics
        found.add(plan, methods, controls, [name for name in names if name in controls.metrics])
        if number:
            found.write(methods, controls, results)
        seconds = f"{time.process_time() - start:.0f} processor seconds"
        print(f"scored: {', '.join(names)} ({number + 1} of {len(groups)}), {seconds}", flush=True)
    return failed


def _scored(
    plan: TrustPlan, split: Split, runs: list[str], metrics: list[str], bootstrap: int
) -> Scores:
    kind = "controls" if runs == plan.control_runs else "methods"
    folder = plan.place.scores(plan.split, f"trust-{kind}")
    return bench.score(
        split,
        runs,
        folder,
        workspace=plan.place.root,
        metrics=metrics,
        descriptions=DESCRIPTIONS,
        bootstrap=bootstrap,
    )


@dataclass
class Tables:
    """The rows of the tables so far."""

    split: Split
    agreed: list[pd.DataFrame] = field(default_factory=list)
    ordered: list[pd.DataFrame] = field(default_factory=list)

    def add(self, plan: TrustPlan, methods: Scores, controls: Scores, names: list[str]) -> None:
        """Add the rows of the metrics `names`."""
        kept = plan.place.scores(plan.split, "trust-parts")
        parts = {
            name: part_values(name, self.split, plan.controls, kept / f"{name}.csv")
            for name in names
            if not controls.metrics[name].per_sample
        }
        self.ordered.append(control_table(controls, self.split, names, parts))
        if names != JUDGE:
            self.agreed.append(judge_agreement.table(methods, self.split, names, controls))

    def write(self, methods: Scores, controls: Scores, results: Path) -> None:
        """Write the tables, with metrics in the order of all tables, and the figure."""
        order = {name: place for place, name in enumerate(controls.metrics)}
        agreed, ordered = (
            pd.concat(rows, ignore_index=True).sort_values(
                "metric", key=lambda names: names.map(order), kind="stable", ignore_index=True
            )
            for rows in (self.agreed, self.ordered)
        )
        write_csv(results / "controls-by-metric.csv", ordered)
        write_text(results / "controls-by-metric.md", control_page.markdown(ordered, controls))
        write_csv(results / "metrics.csv", agreed)
        write_text(results / "metrics.md", judge_agreement.markdown(agreed, methods))
        drawing.trust(agreed, results / "metrics")


if __name__ == "__main__":
    raise SystemExit(main())
