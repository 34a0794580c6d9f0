"""An ablation: each row of its tables trained, run and scored, by the stages' own functions.

Every stage writes files and resumes from them, and so does an interrupted ablation. Weights that
one call has trained for a table are reused for other tables.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelerate import PartialState
from torch import distributed

from egoactgen_bench.artifacts.manifests import RUN, TRAIN
from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.measurement.candidates import REFERENCES
from egoactgen_bench.stages.run import run_method as running
from egoactgen_bench.stages.score import score_runs as scoring
from egoactgen_bench.stages.score import scoring_job
from egoactgen_bench.stages.train import train_weights as training
from egoactgen_bench.support.devices import check_dtype, resolve_device
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_lego.ablation.ablation_rows import (
    ROWS,
    TABLES,
    TRAININGS,
    Row,
    further_label,
    further_rows,
    training_of,
)
from egoactgen_lego.ablation.materials import Materials
from egoactgen_lego.ablation.option_choices import Choices
from egoactgen_lego.features.conditioning_names import kinds_of
from egoactgen_lego.options.ablate_options import AblateOptions

Report = Callable[[str], None]


@dataclass(frozen=True)
class Ablation:
    """What is compared, on what, and how; `name` begins the names of its weights and runs."""

    name: str
    place: Workspace
    train: Split
    test: Split
    materials: Materials
    options: AblateOptions = field(default_factory=AblateOptions)

    @property
    def seeds(self) -> list[int]:
        """The seeds of the trainings; the run of a training has the same seed."""
        if not all(seed.isdecimal() for seed in self.options.seeds):
            given = ",".join(self.options.seeds)
            raise BenchError(f"--seeds {given} is not a list of numbers such as 0,1,2.")
        return [int(seed) for seed in self.options.seeds]

    @property
    def choices(self) -> Choices:
        """Options of the trainers and methods."""
        return Choices(self.options.options)

    @property
    def chosen(self) -> dict[str, Row]:
        """The selected rows of the selected tables, each once."""
        of_tables = {row for table in self.options.tables for row in self.rows_of(table).values()}
        return {
            name: row
            for name, row in self.known_rows.items()
            if name in of_tables and (self.options.rows is None or name in self.options.rows)
        }

    @property
    def known_rows(self) -> dict[str, Row]:
        """`ROWS`, and the rows of further feature kinds that the options name."""
        return ROWS | further_rows(self.options.rows or ())

    def rows_of(self, table: str) -> dict[str, str]:
        """The rows of a table in order, label → row."""
        rows = TABLES[table].rows
        if table != "conditioning":
            return rows
        return rows | {further_label(name): name for name in self.known_rows if name not in ROWS}

    @property
    def trainings(self) -> list[str]:
        """The trainings that the rows need; a training comes after the one it is based on."""
        wanted = {row.training for row in self.chosen.values()}
        wanted |= {training_of(name).based_on for name in wanted if name}
        return [name for name in dict.fromkeys([*TRAININGS, *self.chosen]) if name in wanted]

    def weights(self, name: str, seed: int) -> Path:
        """The folder of a training's weights."""
        return self.place.models / f"{self.name}-{_file_name(name)}-{self.train.name}-s{seed}"

    def run(self, row: str, seed: int) -> Path:
        """The folder of a row's run."""
        return self.place.run(self.test.name, f"{self.name}-{_file_name(row)}-s{seed}")

    def runs_of(self, row: str) -> list[str]:
        """The names under which a row is scored: its run for each seed, or the reference."""
        if self.known_rows[row].method is None:
            return [row]
        return [self.run(row, seed).name for seed in self.seeds]


def _file_name(row: str) -> str:
    """A row's name as a part of folder names: `joint+depth` → `joint-depth`."""
    return re.sub("[^A-Za-z0-9._-]", "-", row)


@dataclass
class AblationOutcome:
    """The scores of all runs, and the samples that failed in training or generation."""

    scores: Scores | None  # only the first process has them
    failures: list[str]


def check(ablation: Ablation, folder: Path) -> None:
    """Raise `BenchError` for anything that would fail later, before anything is trained."""
    _check_names(ablation)
    for name, row in ablation.chosen.items():
        if row.conditioning:
            kinds = kinds_of(row.conditioning)
            source = training_of(row.training or "").source
            ablation.materials.check(source, ablation.train, True, kinds, name)
            ablation.materials.check(row.input_source, ablation.test, False, kinds, name)
    ablation.choices.check(
        {
            "train": {training_of(name).trainer for name in ablation.trainings},
            "run": {row.method for row in ablation.chosen.values() if row.method},
        }
    )
    scores = _scoring(ablation, folder, [], ["copy-input"])  # the runs do not exist yet
    if nothing := scoring_job.nothing_to_measure(scores):
        raise BenchError(nothing)


def _check_names(ablation: Ablation) -> None:
    for table in ablation.options.tables:
        if table not in TABLES:
            raise BenchError(f"Unknown table '{table}'.{did_you_mean(table, TABLES)}")
    for row in ablation.options.rows or ():
        if row not in ablation.known_rows:
            raise BenchError(f"Unknown row '{row}'.{did_you_mean(row, ROWS)}")
    if not ablation.chosen:
        raise BenchError("None of the tables contains one of the rows: name other tables or rows.")
    if not ablation.seeds or len(set(ablation.seeds)) != len(ablation.seeds):
        raise BenchError("Give at least one seed, and no seed twice.")
    if ProcessShard.of_process().ranks > 1 and any(
        training_of(n).based_on for n in ablation.trainings
    ):
        raise BenchError(
            "The sweep of SDEdit's strength runs in one process: under a launcher, leave the row "
            "out with --rows; then call again without the launcher for this row and the table."
        )
    check_dtype(ablation.options.dtype)


def finished(ablation: Ablation, name: str, seed: int) -> bool:
    """Whether a training is complete."""
    return (ablation.weights(name, seed) / TRAIN).is_file()


def steps(ablation: Ablation) -> dict[str, bool]:
    """Each training and run in order → whether it is finished."""
    found = {}
    for seed in ablation.seeds:
        for name in ablation.trainings:
            folder = ablation.weights(name, seed)
            found[f"train {folder.name}"] = finished(ablation, name, seed)
        for name, row in ablation.chosen.items():
            if row.method:
                folder = ablation.run(name, seed)
                found[f"run {folder.name}"] = (folder / RUN).is_file()
    return found


def ablate(
    ablation: Ablation, folder: Path, overwrite: bool = False, report: Report = lambda line: None
) -> AblationOutcome:
    """Train, run and score whatever is not finished; the scores of all runs go to `folder`."""
    check(ablation, folder)
    failures: list[str] = []
    for seed in ablation.seeds:
        for name in ablation.trainings:
            report(f"train {name}, seed {seed}")
            failures += _train(ablation, name, seed, overwrite, report)
        for name, row in ablation.chosen.items():
            if row.method:
                report(f"run {name}, seed {seed}")
                failures += _run(ablation, name, row, seed, overwrite)
    report("score")
    return AblationOutcome(_score(ablation, folder), failures)


def _train(ablation: Ablation, name: str, seed: int, overwrite: bool, report: Report) -> list[str]:
    """Do one training, and return the samples that it left out, with their reason codes."""
    about = training_of(name)
    options = ablation.choices.of("train", about.trainer)
    descriptions = None
    if about.based_on:
        options["weights"] = ablation.weights(about.based_on, seed).name
    if about.conditioning:
        kinds = kinds_of(about.conditioning)
        inputs = ablation.materials.of(about.source, ablation.train, True, kinds)
        descriptions = inputs.descriptions
        options |= {"conditioning": about.conditioning, **inputs.options}
    folder = ablation.weights(name, seed)
    manifest = training.train(
        about.trainer,
        ablation.train,
        folder,
        models=ablation.place.models,
        cache=ablation.place.cache,
        preset=ablation.options.preset,
        descriptions=descriptions,
        options=options,
        seed=seed,
        device=ablation.options.device,
        progress=True,
        report=report,
        overwrite=overwrite,
    )
    _wait_for_everyone(ablation.options.device)
    left_out = manifest.left_out
    return [f"{folder.name}: {sample_id}: {code}" for sample_id, code in left_out.items()]


def _run(ablation: Ablation, name: str, row: Row, seed: int, overwrite: bool) -> list[str]:
    """Do one run, and return the samples that failed, with their reason codes."""
    assert row.method is not None
    options = ablation.choices.of("run", row.method)
    descriptions = None
    if row.conditioning:
        kinds = kinds_of(row.conditioning)
        inputs = ablation.materials.of(row.input_source, ablation.test, False, kinds)
        descriptions = inputs.descriptions
        options |= inputs.options
    folder = ablation.run(name, seed)
    made = running.run(
        row.method,
        ablation.test,
        folder,
        models=ablation.place.models,
        weights=ablation.weights(row.training, seed).name if row.training else None,
        descriptions=descriptions,
        options=options,
        cache=ablation.place.cache,
        seed=seed,
        batch_size=ablation.options.batch_size,
        device=ablation.options.device,
        dtype=ablation.options.dtype,
        progress=True,
        overwrite=overwrite,
    )
    _wait_for_everyone(ablation.options.device)
    failed = made.failed.to_dict("records")
    return [f"{folder.name}: {each['sample_id']}: {each['status']}" for each in failed]


def _score(ablation: Ablation, folder: Path) -> Scores | None:
    if distributed.is_initialized():  # scoring opens a process group of its own
        distributed.destroy_process_group()
    runs = [
        load_run(ablation.run(name, seed))
        for name, row in ablation.chosen.items()
        if row.method
        for seed in ablation.seeds
    ]
    references = [name for name in ablation.chosen if name in REFERENCES]
    return scoring.execute(_scoring(ablation, folder, runs, references), progress=True)


def _scoring(
    ablation: Ablation, folder: Path, runs: Sequence[Run], references: Sequence[str]
) -> scoring_job.ScoringJob:
    return scoring_job.prepare(
        ablation.test,
        runs,
        folder,
        workspace=ablation.place.root,
        references=references,
        device=ablation.options.device,
        metrics=ablation.options.metrics,
        protocol=ablation.options.protocol,
        weights=ablation.options.weights,
        captioner=ablation.options.captioner,
        descriptions=ablation.materials.tuned,
    )


def _wait_for_everyone(device: str) -> None:
    """Under a launcher, wait until the first process has written what all processes read next."""
    PartialState(cpu=resolve_device(device) == "cpu").wait_for_everyone()
