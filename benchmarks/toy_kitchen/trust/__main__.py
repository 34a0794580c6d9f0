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
from pathlib import Path

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
    parser.add_argument("--seeds", default="0,1,2", help="seeds of every method")
    parser.add_argument("--metrics", metavar="A,B", help="default: all that can be computed")
    parser.add_argument("--workers", type=int, default=1, help="number of parallel processes")
    return parser.parse_args()


def _groups(chosen: str | None, plan: TrustPlan, split: Split) -> list[list[str]]:
    """The metrics to score, in groups that share networks; the judge first, which all need."""
    if chosen:
        names = chosen.split(",")
    else:
        job = scoring_job.prepare(split, [], plan.controls, workspace=plan.place.root)
        names = [metric.name for metric in job.selection.metrics]
    groups: dict[str, list[str]] = {"judge": JUDGE}
    for name in names:
        if name not in JUDGE:
            groups.setdefault(name.partition("_")[0], []).append(name)
    return list(groups.values())


def _score_all(
    plan: TrustPlan, split: Split, groups: list[list[str]], results: Path
) -> dict[str, str]:
    """Score each group, and write the tables after each; returns why some metrics have failed."""
    failed: dict[str, str] = {}
    for number, names in enumerate(groups):
        start = time.process_time()
        try:
            methods = _scored(plan, split, plan.method_runs, names, bootstrap=0)
            controls = _scored(plan, split, plan.control_runs, names, bootstrap=1000)
        except bench.BenchError as error:
            failed |= dict.fromkeys(names, str(error))
            continue
        failed |= methods.failed_metrics
        if number:
            _write(plan, methods, controls, split, results)
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


def _write(plan: TrustPlan, methods: Scores, controls: Scores, split: Split, results: Path) -> None:
    kept = plan.place.scores(plan.split, "trust-parts")
    parts = {
        name: part_values(name, split, plan.controls, kept / f"{name}.csv")
        for name, about in controls.metrics.items()
        if not about.per_sample
    }
    ordered = control_table(controls, split, parts)
    write_csv(results / "controls-by-metric.csv", ordered)
    write_text(results / "controls-by-metric.md", control_page.markdown(ordered, controls))
    agreed = judge_agreement.table(methods, split, controls)
    write_csv(results / "metrics.csv", agreed)
    write_text(results / "metrics.md", judge_agreement.markdown(agreed, methods))
    drawing.trust(agreed, results / "metrics")


if __name__ == "__main__":
    raise SystemExit(main())
