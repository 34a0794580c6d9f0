"""Scoring images in memory, for training loops: the values of `bench score` without its files."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from PIL import Image

from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Batch, Role
from egoactgen_bench.api.options import chosen as resolve_choices
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.artifacts.sample_boxes import boxes_text
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.judging.open_judge import open_judge
from egoactgen_bench.measurement.measuring import Failure
from egoactgen_bench.measurement.memory_images import ValueRange, rgb_images
from egoactgen_bench.measurement.memory_rows import (
    MemoryRows,
    require_distinct,
    several_processes,
)
from egoactgen_bench.measurement.protocols import Defaults, select
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.row_store import FeatureCache
from egoactgen_bench.toy import stand_ins
from egoactgen_bench.workflow.named_inputs import (
    path_or_none,
    workspace_of,
)
from egoactgen_bench.workflow.option_signature import accepts
from egoactgen_bench.workflow.scorer_options import (
    MetricNames,
    ScorerOptions,
    declared_by,
    licence_of_images,
    metric_names,
)

ROLES: frozenset[Role] = frozenset(
    {"output", "target", "input", "action", "description", "truth", "boxes"}
)
ARGUMENTS: dict[Role, str] = {
    "input": "inputs",
    "action": "actions",
    "description": "descriptions",
    "truth": "truths",
    "boxes": "boxes",
}


class Scorer:
    """Scores generated images against target frames in memory, batch by batch.

        scorer = Scorer(metrics=["lpips", "egovlp"], dataset="ego4d", value_range="unit")
        for batch in loader:
            scorer.update(model(batch), batch["target"], inputs=batch["input"], ids=batch["id"])
        print(scorer.compute())  # {"egovlp": 71.3, "lpips": 35.0}
        scorer.reset()

    The values are those of `bench score` for the same images saved as PNG, to the last digit, in
    the paper's units. Networks are loaded once, and features of targets are kept, so that a second
    evaluation on the same targets is faster. Under `torch.distributed`, `compute` and `table`
    collect the samples of all processes and must be called on each of them.

    Args:
        metrics: names of `bench metrics`, or metric classes.
        dataset: the data set that declares defaults of metrics (EgoVLP's checkpoint): a name of
            `bench datasets`, or a prepared `Split`. Toy data sets use the toy weights.
        value_range: the range of images with float values: "unit" for [0, 1], "signed" for
            [−1, 1]. uint8 needs none.
        settings: fields of `ScorerOptions`, as one object.
        choices: the same as keywords. Those that begin with `judge_` are for the vlm_ metrics.

    Raises:
        BenchError: an unknown metric or option, or weights that are missing.
    """

    @accepts(ScorerOptions)
    def __init__(
        self,
        metrics: MetricNames,
        dataset: str | Split | None = None,
        value_range: ValueRange | None = None,
        settings: ScorerOptions | None = None,
        **choices: Any,
    ) -> None:
        """Load nothing yet; `Scorer` describes the arguments."""
        chosen = resolve_choices(ScorerOptions, settings, choices, "Scorer")
        place = workspace_of(chosen.workspace, dataset if isinstance(dataset, Split) else None)
        name, declared = declared_by(dataset)
        names, device = metric_names(metrics), resolve_device(chosen.device)
        context = MetricContext(
            weights=stand_ins.folder_for(name, path_or_none(chosen.weights), place.models),
            device=device,
            workspace=place.root,
            judge=open_judge(
                chosen,
                metrics=names,
                licence=licence_of_images(dataset),
                cache=place.cache,
                device=device,
            ),
        )
        defaults = Defaults(declared, {"captioner": chosen.captioner})
        selection = select(chosen.protocol, names, chosen.options, context, ROLES, defaults)
        if selection.failed:
            raise BenchError(" ".join(selection.failed.values()))
        self.value_range = value_range
        self.batch_size = chosen.batch_size
        self.metrics = selection.metrics
        groups: dict[str, list[Metric[Any]]] = {}
        for metric in self.metrics:
            groups.setdefault(metric.measurement(), []).append(metric)
        self._groups = list(groups.values())
        self._features = FeatureCache()
        self._named: bool | None = None  # whether samples have ids; None before the first
        self.reset()

    def reset(self) -> None:
        """Forget all samples; the networks and the targets' features are kept."""
        self._rows = MemoryRows(len(self._groups))
        self._named = None

    def update(
        self,
        outputs: Any,
        targets: Any,
        inputs: Any = None,
        actions: str | Sequence[str] | None = None,
        *,
        descriptions: str | Sequence[str] | None = None,
        truths: Sequence[Mapping[str, Any]] | None = None,
        boxes: Sequence[Mapping[str, Any]] | None = None,
        ids: Sequence[Any] | None = None,
    ) -> None:
        """Add samples: one image or a batch per argument, all of the same number.

        Args:
            outputs: the generated images. PIL images in mode RGB, arrays (N, height, width, 3) or
                tensors (N, 3, height, width), of uint8, or of floats in the `value_range`. Images
                of another size than their targets are resized to it, as `bench score` does.
            targets: the target frames, of any size.
            inputs: the input frames, for metrics that see them (EgoVLP).
            actions: the action labels, for metrics that read them (BLIP).
            descriptions: for metrics that read them.
            truths: facts about the samples, for the toy kitchen's judge.
            boxes: hands and objects of the samples, for metrics of regions: of each sample
                {"target": [{"kind": "left_hand", "x": …, "y": …, "width": …, "height": …}]}, in
                pixels of its target, as in `Split.boxes()`. Kinds: left_hand, right_hand, object,
                tool.
            ids: an id per sample, unique until `reset`. Required with several processes, where a
                sampler may repeat samples: each id counts once.

        Raises:
            BenchError: different numbers, a missing argument, another type, shape or range.
        """
        frames = {"output": self._images(outputs, "outputs")}
        count = len(frames["output"])
        frames["target"] = self._images(targets, "targets")
        if inputs is not None:
            frames["input"] = self._images(inputs, "inputs")
        found: dict[Any, list[Any]] = dict(frames)
        texts = {"action": actions, "description": descriptions}
        found |= {role: _texts(text) for role, text in texts.items() if text is not None}
        if truths is not None:
            found["truth"] = [json.dumps(truth) for truth in truths]
        if boxes is not None:
            found["boxes"] = _boxes(boxes)
        for role, given in found.items():
            if len(given) != count:
                name = ARGUMENTS.get(role, f"{role}s")
                raise BenchError(f"{name} has {len(given)} samples, but outputs has {count}.")
        self._require(found)
        numbers = self._rows.add(self._ids(ids, count))
        for start in range(0, count, self.batch_size):
            part = range(start, min(start + self.batch_size, count))
            self._measure(found, part, numbers)

    def compute(self) -> dict[str, float]:
        """The value of each metric over all samples, in the paper's unit; NaN if there is none."""
        rows = self._collected()
        values = {}
        for metric, group in self._metrics_with_group():
            ids, found = rows.of(group)
            enough = len(ids) >= metric.minimum_samples
            raw = call(metric, "summarise", found) if enough else float("nan")
            values[metric.name] = float(raw) * metric.factor
        return values

    def table(self) -> pd.DataFrame:
        """One row per sample and metric, as in scores.csv: sample_id, metric, value, signature.

        The values are in raw units. Metrics of a set (FID) have one row with an empty sample_id.
        """
        rows, parts = self._collected(), []
        for metric, group in self._metrics_with_group():
            ids, found = rows.of(group)
            if len(ids) < metric.minimum_samples:
                continue
            values = found[:, 0] if metric.per_sample else [call(metric, "summarise", found)]
            part = {"sample_id": ids if metric.per_sample else [""], "metric": metric.name}
            signature = f"{metric.signature()}|n:{len(ids)}"
            parts.append(pd.DataFrame(part | {"value": values, "signature": signature}))
        columns = ["sample_id", "metric", "value", "signature"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def errors(self) -> pd.DataFrame:
        """The values that could not be computed: sample_id, metric, code, detail."""
        rows = self._collected()
        failures = [*rows.failures, *self._too_few(rows)]
        columns = ["sample_id", "metric", "code", "detail"]
        return pd.DataFrame(failures, columns=["run", *columns])[columns]

    def __len__(self) -> int:
        """The number of samples of this process."""
        return len(self._rows.sample_ids)

    def __repr__(self) -> str:
        names = ", ".join(metric.name for metric in self.metrics)
        return f"<Scorer: {names}; {len(self)} samples>"

    def _images(self, images: Any, name: str) -> list[Image.Image | SampleError]:
        return rgb_images(images, name, self.value_range)

    def _metrics_with_group(self) -> list[tuple[Metric[Any], int]]:
        numbers = {id(m): n for n, group in enumerate(self._groups) for m in group}
        return [(metric, numbers[id(metric)]) for metric in self.metrics]

    def _require(self, found: Mapping[Role, Any]) -> None:
        for metric in self.metrics:
            for role in sorted(metric.needs - found.keys()):
                raise BenchError(
                    f"{metric.name} needs the samples' {role}: pass {ARGUMENTS[role]}=."
                )

    def _ids(self, ids: Sequence[Any] | None, count: int) -> list[str]:
        if ids is None and several_processes():
            raise BenchError(
                "With several processes, pass ids=: a distributed sampler repeats samples, and "
                "each must count once."
            )
        if self._named not in (None, ids is not None):
            raise BenchError("Some samples have ids and others not: pass ids= always or never.")
        self._named = ids is not None
        if ids is None:
            return [str(number) for number in range(len(self), len(self) + count)]
        named = [str(each) for each in ids]
        if len(named) != count:
            raise BenchError(f"ids has {len(named)} samples, but outputs has {count}.")
        require_distinct(named, self._rows.sample_ids)
        return named

    def _measure(self, found: Mapping[Role, list[Any]], part: range, numbers: range) -> None:
        """Measure some positions; metrics of the same samples share a batch, as in scoring."""
        batches: dict[tuple[tuple[int, ...], bool], Batch] = {}
        for number, group in enumerate(self._groups):
            needs, whole = group[0].needs, []
            for position in part:
                error = _error_of(needs, found, position)
                if error is None:
                    whole.append(position)
                else:
                    self._rows.fail(numbers[position], group, error)
            # In a batch with targets, outputs are resized to them.
            key = tuple(whole), "target" in needs
            if whole and key not in batches:
                hidden = set() if key[1] else {"target"}
                roles = {
                    role: [items[each] for each in whole]
                    for role, items in found.items()
                    if role not in hidden and _error_free(items, whole)
                }
                batches[key] = Batch(roles, self._features)
            if whole:
                chosen = [numbers[each] for each in whole]
                self._rows.measure(number, group, batches[key], chosen)

    def _collected(self) -> MemoryRows:
        return self._rows.of_all_processes() if several_processes() else self._rows

    def _too_few(self, rows: MemoryRows) -> list[Failure]:
        return [
            Failure(
                "",
                "",
                metric.name,
                "too_few_samples",
                f"{len(rows.rows[group])} of at least {metric.minimum_samples} samples",
            )
            for metric, group in self._metrics_with_group()
            if len(rows.rows[group]) < metric.minimum_samples
        ]


def compare(
    outputs: Any,
    targets: Any,
    metrics: MetricNames,
    inputs: Any = None,
    actions: str | Sequence[str] | None = None,
    **choices: Any,
) -> dict[str, float]:
    """The values of metrics for images in memory, in one call.

        compare(image, target, "lpips", dataset="ego4d")

    `choices` are further arguments of `Scorer`, and `descriptions`, `truths`, `boxes` and
    `ids` of `Scorer.update`. Returns and raises what `Scorer` does.
    """
    kept = ("descriptions", "truths", "boxes", "ids")
    texts = {name: choices.pop(name) for name in kept if name in choices}
    scorer = Scorer(metrics, **choices)
    scorer.update(outputs, targets, inputs, actions, **texts)
    return scorer.compute()


def _texts(texts: str | Sequence[str]) -> list[str]:
    found = [texts] if isinstance(texts, str) else list(texts)
    for text in found:
        if not isinstance(text, str):
            raise BenchError(f"a text is a {type(text).__name__}, expected str.")
    return found


def _boxes(boxes: Sequence[Any]) -> list[str]:
    texts = []
    for number, each in enumerate(boxes, start=1):
        try:
            texts.append(boxes_text(each))
        except ValueError as error:
            raise BenchError(f"The boxes of sample {number} are invalid ({error}).") from None
    return texts


def _error_free(items: Sequence[Any], positions: Sequence[int]) -> bool:
    return not any(isinstance(items[position], SampleError) for position in positions)


def _error_of(
    needs: frozenset[Role], found: Mapping[Role, list[Any]], position: int
) -> SampleError | None:
    """The error of a sample's image that a metric would read, or None."""
    for role in sorted(needs):
        error = found[role][position]
        if isinstance(error, SampleError):
            prefix = "" if role == "output" else f"{role}_"  # as `bench score` names them
            return SampleError(prefix + error.code, error.detail)
    return None
