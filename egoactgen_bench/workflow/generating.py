"""Preparing splits, training weights and generating images from Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.method import Method
from egoactgen_bench.api.options import chosen
from egoactgen_bench.api.trainer import Trainer
from egoactgen_bench.artifacts.runs import Run, default_name
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.trainings import Training
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.imagine import imagine_actions as imagining
from egoactgen_bench.stages.imagine.contexts import context_of_image, context_of_sample
from egoactgen_bench.stages.imagine.imagine_actions import Imagined
from egoactgen_bench.stages.imagine.imagine_options import ImagineOptions
from egoactgen_bench.stages.prepare import prepare_split
from egoactgen_bench.stages.prepare.dataset_plan import plan_dataset
from egoactgen_bench.stages.prepare.prepare_options import PrepareOptions
from egoactgen_bench.stages.run import run_method
from egoactgen_bench.stages.run.run_options import RunOptions
from egoactgen_bench.stages.train import train_weights
from egoactgen_bench.stages.train.train_options import TrainOptions
from egoactgen_bench.support.devices import default_workers
from egoactgen_bench.workflow.named_inputs import (
    Folder,
    SplitInput,
    path_or_none,
    plugin_name,
    safe_name,
    split_of,
    weights_name,
    words,
    workspace_of,
)
from egoactgen_bench.workflow.notices import warn
from egoactgen_bench.workflow.option_signature import accepts


@accepts(PrepareOptions)
def prepare(
    dataset: str | type[Dataset] = "toy-kitchen",
    settings: PrepareOptions | None = None,
    *,
    name: str | None = None,
    out: Folder | None = None,
    workspace: Folder | None = None,
    overwrite: bool = False,
    progress: bool = False,
    **choices: Any,
) -> Split:
    """Prepare a split of a data set, as `bench prepare-splits` does, or resume an earlier call.

    Args:
        dataset: a name of `bench datasets`, `module:Class`, or the class.
        settings: options as one object; keywords override its fields.
        name: the split's name (default: the data set's).
        out: the split's folder (default: `splits/NAME` in the workspace).
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.
        overwrite: start over instead of resuming.
        progress: show progress bars.

    Returns:
        The split. Samples without frames are in its `rejected` table with their reason.

    Raises:
        BenchError: an option, an annotation file or a folder is invalid.
    """
    place = workspace_of(workspace)
    options = chosen(PrepareOptions, settings, choices, "prepare")
    dataset = plugin_name("datasets", dataset)
    report = print if progress else None
    plan = plan_dataset(dataset, options, place, safe_name(name), report=report)
    warn(plan.dataset.notices())
    folder = path_or_none(out) or place.split(plan.name)
    workers = options.workers or default_workers()
    return prepare_split.prepare(plan, folder, workers=workers, overwrite=overwrite).split


@accepts(TrainOptions)
def train(
    trainer: str | type[Trainer[Any]],
    split: SplitInput = None,
    settings: TrainOptions | None = None,
    *,
    name: str | None = None,
    out: Folder | None = None,
    workspace: Folder | None = None,
    overwrite: bool = False,
    progress: bool = False,
    **choices: Any,
) -> Training:
    """Train weights on a split, as `bench train` does, or resume from the last checkpoint.

    Args:
        trainer: a name of `bench trainers`, `module:Class`, or the class.
        split: the split, its name or its folder (default: the latest finished training split).
            Several are passed as one: `artifacts.joint_splits.join(splits, weights)`.
        settings: options as one object; keywords override its fields. The
            trainer's own options are `options={"iterations": 100}`.
        name: name of the weights (default: TRAINER-SPLIT).
        out: their folder (default: `models/NAME` in the workspace).
        workspace: default that of `split`, else `$BENCH_WORKSPACE`, else `./workspace`.
        overwrite: start over instead of resuming.
        progress: show progress bars.

    Raises:
        BenchError: an option is invalid, or weights to start from are missing.
    """
    place = workspace_of(workspace, split)
    on = split_of(split, place, train=True)
    trainer = plugin_name("trainers", trainer)
    name = safe_name(name) or f"{default_name(trainer)}-{on.name}"
    folder = path_or_none(out) or place.models / name
    places = {"models": place.models, "cache": place.cache, "logs": place.logs}
    manifest = train_weights.train(
        trainer,
        on,
        folder,
        settings,
        overwrite=overwrite,
        progress=progress,
        **(places | choices),
    )
    if manifest.subset != "train":
        warn(
            [
                f"'{on.name}' is not a training split: scores on its samples will not show what "
                "these weights can do."
            ]
        )
    return Training(folder, manifest)


@accepts(RunOptions)
def run(
    method: str | type[Method[Any]],
    split: SplitInput = None,
    folder: Folder | None = None,
    settings: RunOptions | None = None,
    *,
    name: str | None = None,
    workspace: Folder | None = None,
    overwrite: bool = False,
    progress: bool = False,
    **choices: Any,
) -> Run:
    """Generate a method's images for a split, as `bench run` does, or resume an earlier call.

    Args:
        method: a name of `bench methods`, `images:DIR`, `diffusers:PATH`, `module:Class`, or the
            class.
        split: the split, its name or its folder (default: the latest finished test split).
        folder: the run's folder (default: `runs/SPLIT/NAME` in the workspace).
        settings: options as one object; keywords override its fields. The
            method's own options are `options={"steps": 20}`.
        name: the run's name (default: the method's).
        workspace: default that of `split`, else `$BENCH_WORKSPACE`, else `./workspace`.
        overwrite: start over instead of resuming.
        progress: show progress bars.

    Returns:
        The run. Samples that failed are in `run.failed` with their reason; they are not tried again
        unless you `overwrite` the run. Of several shards the last completes the run; the others
        return their own samples.

    Raises:
        BenchError: an option is invalid, or weights are missing.
    """
    place = workspace_of(workspace, split)
    on = split_of(split, place)
    method = plugin_name("methods", method)
    out = path_or_none(folder) or place.run(on.name, safe_name(name) or default_name(method))
    places = {"models": place.models, "cache": place.cache}
    if "weights" in choices:
        choices["weights"] = weights_name(choices["weights"])
    return run_method.run(
        method, on, out, settings, overwrite=overwrite, progress=progress, **(places | choices)
    )


@accepts(ImagineOptions)
def imagine(
    context: str | Path,
    actions: str | Sequence[str],
    settings: ImagineOptions | None = None,
    *,
    split: SplitInput = None,
    name: str | None = None,
    out: Folder | None = None,
    workspace: Folder | None = None,
    overwrite: bool = False,
    **choices: Any,
) -> Imagined:
    """Generate several actions in one context, as `bench imagine` does.

    Args:
        context: an image file, or a sample id of `split`.
        actions: one action or several, such as "open drawer".
        settings: options as one object; keywords override its fields.
        split: the split of a sample id (default: the latest finished test split).
        name: name of the folder (default: the method's).
        out: the folder (default: `imagined/CONTEXT/NAME` in the workspace).
        workspace: default that of `split`, else `$BENCH_WORKSPACE`, else `./workspace`.
        overwrite: replace frames of other settings.

    Raises:
        BenchError: an option is invalid, or weights are missing.
    """
    place = workspace_of(workspace, split)
    if "method" in choices:
        choices["method"] = plugin_name("methods", choices["method"])
    if "weights" in choices:
        choices["weights"] = weights_name(choices["weights"])
    options = chosen(ImagineOptions, settings, choices, "imagine")
    texts = words(actions, "actions")
    if not texts:
        raise BenchError("actions is empty.")
    if not isinstance(context, str | Path):
        raise BenchError(
            f"context must be an image file or a sample id, not {type(context).__name__}."
        )
    imagining.check_actions(texts, options.description)
    if split is None and Path(context).expanduser().is_file():
        if options.descriptions is not None:
            raise BenchError(
                "descriptions apply to samples of a split: describe the actions of an image with "
                "description=."
            )
        found = context_of_image(Path(context).expanduser())
    else:
        on = split_of(split, place)
        found = context_of_sample(on, str(context), options.descriptions)
    method = imagining.method_for(options, found, place.models, place.cache)
    called = default_name(options.method)
    folder = path_or_none(out) or place.imagined(found.name, safe_name(name) or called)
    return imagining.imagine(
        called, method, found, texts, folder, options.description, options.seed, overwrite
    )
