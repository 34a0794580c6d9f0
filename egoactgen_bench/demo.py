"""The steps of `bench demo`: the whole loop on the toy kitchen, in one process.

Each step calls the stage of the corresponding command, so that an interrupted demo resumes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.scores import Scores, load_scores
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.stages.prepare import prepare_split as preparing
from egoactgen_bench.stages.prepare.split_plan import open_dataset, plan_split
from egoactgen_bench.stages.report import write_report as reporting
from egoactgen_bench.stages.run import run_method as running
from egoactgen_bench.stages.score import score_runs as scoring
from egoactgen_bench.stages.score import scoring_job
from egoactgen_bench.stages.study.example_sampling import choose_examples
from egoactgen_bench.stages.study.export_study import export
from egoactgen_bench.stages.study.study_options import StudyOptions
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.waiting import report_waiting

DATASET = "toy-kitchen"
METHODS = ("lego", "ip2p", "sdedit", "proxedit")
REFERENCE = "copy-input"
PROTOCOL = "standard"
JUDGED = ("vlm_action", "vlm_scene", "vlm_hands", "vlm_prefers")
CONTROLS = (REFERENCE, "target", "other-target")
EXAMPLES = 6  # samples in the figure of the report


@dataclass(frozen=True)
class Demo:
    """A demo in a workspace; `name` is the name of its split."""

    place: Workspace
    name: str = "demo"
    clips: int = 32
    seed: int = 0
    steps: int | None = None  # sampling steps of each method; None: its default
    workers: int = 1
    device: str = "auto"
    overwrite: bool = False
    vlm_judge: bool = False  # also score with a toy vision-language model behind an endpoint

    @property
    def split(self) -> Split:
        return load_split(self.place.split(self.name))

    @property
    def scores(self) -> Scores:
        return load_scores(self.place.scores(self.name, PROTOCOL))

    @property
    def page(self) -> Path:
        return self.place.report(self.name) / "index.html"

    @property
    def study(self) -> Path:
        return self.place.study(f"{self.name}-best-of")


@dataclass(frozen=True)
class StepResult:
    """The notices of a step, and whether its result is complete."""

    notices: list[str] = field(default_factory=list)
    complete: bool = True


Step = Callable[[Demo], StepResult]


def steps(demo: Demo) -> list[tuple[str, Step]]:
    """The steps of the demo in order, each with a description."""
    return [
        (f"Generate and prepare {demo.clips} clips of the toy kitchen", prepare),
        *((f"Run {method}", partial(run, method)) for method in METHODS),
        (f"Score the runs and the reference {REFERENCE}", score),
        *([("Let a toy vision-language model judge the images", judge)] * demo.vlm_judge),
        ("Export a user study of which image is best", export_study),
        ("Write the report", report),
    ]


def prepare(demo: Demo) -> StepResult:
    """Render the clips and extract their frames."""
    source = open_dataset(DATASET)
    world = demo.place.dataset(source.split_name)
    source.materialise(world, demo.clips, demo.workers, with_videos=True, progress=True)
    plan = plan_split(source, name=demo.name, limit=demo.clips)
    with report_progress("frames", len(plan.clips), "sample") as bar:
        done = preparing.prepare(
            plan,
            demo.place.split(demo.name),
            workers=demo.workers,
            overwrite=demo.overwrite,
            on_sample=bar.update,
        )
    lost = [f"{count} samples without frames: {code}" for code, count in done.failures.items()]
    return StepResult(lost, complete=not lost)


def run(method: str, demo: Demo) -> StepResult:
    """Generate a method's images with its default options."""
    with report_waiting(f"Loading {method}"):
        job = running.prepare(
            method,
            demo.split,
            demo.place.run(demo.name, method),
            models=demo.place.models,
            cache=demo.place.cache,
            options={} if demo.steps is None else {"steps": demo.steps},
            seed=demo.seed,
            device=demo.device,
        )
    done = running.execute(job, demo.overwrite, progress=True)
    failed = [f"failed: {row.sample_id}: {row.status}" for row in done.failed.itertuples()]
    return StepResult([*failed, *job.method.notices()], complete=not failed)


def score(demo: Demo) -> StepResult:
    """Score the methods' runs by all metrics that can be computed."""
    return _scored(demo, references=[REFERENCE])


def judge(demo: Demo) -> StepResult:
    """Add the metrics of a vision-language model, which a toy one answers on loopback."""
    from egoactgen_bench.toy.judge_server import MODEL, serving_judge  # needs PyTorch

    several = demo.split.samples["video_id"].nunique() > 1
    references = CONTROLS if several else CONTROLS[:-1]
    with serving_judge() as url:
        return _scored(
            demo, metrics=JUDGED, references=references, judge_url=url, judge_model=MODEL
        )


def _scored(demo: Demo, **settings: Any) -> StepResult:
    """Score the methods' runs, with these arguments of `scoring_job.prepare`."""
    with report_waiting("Loading metrics"):
        job = scoring_job.prepare(
            demo.split,
            [load_run(demo.place.run(demo.name, method)) for method in METHODS],
            demo.place.scores(demo.name, PROTOCOL),
            workspace=demo.place.root,
            protocol=PROTOCOL,
            device=demo.device,
            overwrite=demo.overwrite,
            **settings,
        )
    scores = scoring.execute(job, progress=True)
    return StepResult(complete=scores is not None and scores.complete)


def export_study(demo: Demo) -> StepResult:
    """Write the batch of a best-of study; a quarter of the clips is reserved for instructions."""
    options = StudyOptions(examples=demo.clips - demo.clips // 4, seed=demo.seed)
    with report_waiting("Writing the study"):
        _, plan = export(
            demo.place, demo.split, options, METHODS, out=demo.study, overwrite=demo.overwrite
        )
    return StepResult(plan.notices())


def report(demo: Demo) -> StepResult:
    """Write the report, with a figure of some samples."""
    split = demo.split
    ids = choose_examples(split.samples, EXAMPLES, demo.seed)
    made = reporting.report(split, demo.place.root, demo.page.parent, ids=ids, progress=True)
    return StepResult(made.notices)
