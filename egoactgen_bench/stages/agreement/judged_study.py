"""The votes of a study, and the scores of its split."""

import numpy as np

from egoactgen_bench.analysis.intervals import clusters_of
from egoactgen_bench.analysis.judged_pairs import Judgements
from egoactgen_bench.artifacts.manifests import TOY_MARK
from egoactgen_bench.artifacts.metric_agreement import ComparedMetric
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.scores import Scores, load_scores
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.artifacts.studies import Study, images_digest
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.candidates import candidate_of
from egoactgen_bench.stages.agreement.judged import Judged, Measured
from egoactgen_bench.support.files import sha256_file


def judged_study(study: Study) -> Judged:
    """The imported votes of a best-of study; checks do not count."""
    manifest = study.manifest
    if manifest.study != "best-of":
        raise BenchError(
            f"Study '{study.name}' asks whether descriptions fit, which no metric scores: "
            "agreement needs a study that compares runs (`bench export-amt --study best-of`)."
        )
    ratings = study.ratings
    if "run" not in ratings:
        raise BenchError(f"{study.folder / 'ratings.csv'} lacks the column run: import it again.")
    votes = ratings[(ratings["kind"] == "vote") & ratings["run"].isin(manifest.candidates)]
    if votes.empty:
        raise BenchError(f"Study '{study.name}' has no votes: import more with `bench import-amt`.")
    shown = {task.name: task.candidates for task in manifest.tasks}
    scores = np.full((len(votes), len(manifest.candidates)), np.nan)
    for row, (task, run) in enumerate(zip(votes["task"], votes["run"], strict=True)):
        for candidate in shown.get(task, manifest.candidates):
            scores[row, manifest.candidates.index(candidate)] = candidate == run
    items = sorted(set(votes["sample_id"]))
    videos = [manifest.videos.get(item, item) for item in items]
    place = {item: number for number, item in enumerate(items)}
    answers = Judgements(
        scores,
        np.array([place[item] for item in votes["sample_id"]], np.int64),
        clusters_of(votes["worker"]),
        clusters_of(videos),
    )
    notes = []
    if not manifest.videos:
        notes.append(
            "The study does not name the videos of its examples (export it again to have them "
            "recorded): each example counts as a video of its own."
        )
    if manifest.toy_weights:
        notes.append(
            f"{TOY_MARK} small weights that know only the toy kitchen and show nothing on this "
            f"data set: {', '.join(manifest.toy_weights)}."
        )
    inputs = {"ratings.csv": sha256_file(study.folder / "ratings.csv")}
    source = f"study '{study.name}'"
    return Judged(source, answers, items, videos, list(manifest.candidates), inputs, notes)


def scores_of_study(study: Study, workspace: Workspace, protocol: str) -> Scores:
    """The scores of the study's split. Raises `BenchError` unless they are of the same samples."""
    manifest = study.manifest
    folder = workspace.scores(manifest.split, protocol)
    if not (folder / "score.json").is_file():
        raise BenchError(
            f"Split '{manifest.split}' has no scores of protocol {protocol} in {folder}: run "
            f"`bench score --split {manifest.split} --protocol {protocol}` first."
        )
    scores = load_scores(folder)
    if scores.manifest.fingerprint != manifest.fingerprint:
        raise BenchError(
            f"Study '{study.name}' shows samples of another version of split '{manifest.split}' "
            f"than the scores in {folder}: export the study again, or score its version."
        )
    return scores


def changed_runs(study: Study, scores: Scores, workspace: Workspace) -> list[str]:
    """A warning for each run in the workspace whose images are not those that raters saw, or not
    those that were scored."""
    manifest = study.manifest
    if not (workspace.split(manifest.split) / "split.json").is_file():
        return []
    split = load_split(workspace.split(manifest.split))
    examples = {task.sample_id for task in manifest.tasks if task.kind == "vote"}
    scored = {run.run: run.images for run in scores.manifest.runs if not run.reference}
    warnings = []
    for name, seen in manifest.images.items():
        folder = workspace.run(manifest.split, name)
        if not (folder / "run.json").is_file():
            continue
        run = load_run(folder)
        if images_digest(run.samples, examples) != seen:
            warnings.append(
                f"warning: the images of run '{name}' have changed since raters saw them: the "
                "agreement is with other images."
            )
        elif scored.get(name) and candidate_of(split, run, []).digest() != scored[name]:
            warnings.append(
                f"warning: the images of run '{name}' have changed since it was scored: score it "
                "again with `bench score`."
            )
    return warnings


def measured_by(scores: Scores, judged: Judged) -> Measured:
    """The values that scores have for what was judged."""
    runs = scores.runs
    known = [candidate for candidate in judged.candidates if candidate in runs]
    if len(known) < 2:
        raise BenchError(
            f"{scores.folder} has scores of {', '.join(known) or 'none'} of the compared "
            f"{', '.join(judged.candidates)}: score at least two of them with `bench score` "
            "(copy-input with `--reference copy-input`)."
        )
    metrics = {
        name: ComparedMetric(
            label=about.title,
            higher_is_better=about.higher_is_better,
            per_sample=about.per_sample,
            signature=about.signature,
        )
        for name, about in scores.metrics.items()
    }
    names = [name for name, about in metrics.items() if about.per_sample]
    found = scores.per_sample(judged.items, names)
    places = [runs.index(name) if name in runs else -1 for name in judged.candidates]
    found = np.concatenate([found, np.full_like(found[:, :1], np.nan)], axis=1)  # at place −1
    totals = scores.summary.set_index("run").reindex(judged.candidates)
    notes = []
    if unknown := [name for name in judged.candidates if name not in runs]:
        notes.append(
            f"Without scores, so that their pairs do not count: {', '.join(unknown)} (see "
            "`bench score`)."
        )
    return Measured(
        metrics,
        found[:, places],
        {name: totals[name].to_numpy(float) for name in metrics if name not in names},
        {"scores.csv": sha256_file(scores.folder / "scores.csv")},
        scores.manifest.split,
        scores.protocol,
        notes,
    )
