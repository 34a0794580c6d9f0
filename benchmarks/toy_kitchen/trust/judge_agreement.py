"""Agreement of each metric's ranking with the truth, sample by sample."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.toy_kitchen.trust.control_images import CONTROLS, RIGHT
from benchmarks.toy_kitchen.trust.control_page import ends
from benchmarks.toy_kitchen.trust.control_table import RUN
from egoactgen_bench.analysis.cluster_means import Clusters, Floats
from egoactgen_bench.analysis.rank_agreement import agreement, kendall
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split

JUDGE = {"action": "judge", "side": "judge_side", "target": "judge_target"}
TRUTH = "all three"  # action, side and target are correct
CONSTRUCTED = "controls"
EQUAL = "equal methods"  # all three, among the outputs of methods that are about equally good
EQUALS = ("lego", "ip2p")
NOTE = """
- The toy kitchen's judge decides whether an output is correct: whether it shows the requested
  action, the hand of the true action (side), and its true location (target), or all three.
- τ within samples: Kendall's τ-b between metric and verdict over the outputs of one sample (all
  methods and seeds, including the input frame), then the mean over the samples for which both vary
  (their number is given). It measures whether the metric prefers correct outputs to wrong ones.
- Equal methods: the same over the outputs of LEGO and InstructPix2Pix only. The methods differ much
  in quality, so that over all of them any metric of quality agrees with the judge.
- τ on controls: the same over the five controls of a sample (controls-by-metric.md), of which the
  target and the shifted target are correct by construction, and the others are not.
- τ over runs: between the runs' values and their shares of correct outputs. Runs are few, and those
  of one method are alike: it has no interval. For metrics of sets it is all there is.
- ρ over all: Spearman's ρ over all outputs of all samples; this includes differences in difficulty
  between samples.
- The sign of each metric is chosen so that higher is better. Since a verdict is binary, even a
  perfect metric without ties has a τ below 1. Brackets: 95 % interval over videos.
- Accuracy: the share of pairs of outputs, one correct and one not, that the metric orders right.
"""


def table(
    scores: Scores,
    split: Split,
    names: Sequence[str],
    controls: Scores,
    draws: int = 1000,
) -> pd.DataFrame:
    """One row per metric and verdict: the columns of `agreement`, and `runs`, the τ over runs."""
    values = _signed(scores, split, names)
    verdicts = _signed(scores, split, list(JUDGE.values()))
    verdicts = {name: verdicts[metric] for name, metric in JUDGE.items()}
    verdicts[TRUTH] = np.min(np.stack(list(verdicts.values())), axis=0)
    clusters = np.unique(split.samples["video_id"], return_inverse=True)[1]
    found = [
        agreement(values, verdicts, clusters, draws),
        _on_controls(controls, split, names, clusters, draws),
    ]
    equal = [place for place, run in enumerate(scores.runs) if run.rpartition("-s")[0] in EQUALS]
    if len(equal) > 1:
        among = {name: found[:, equal] for name, found in values.items()}
        found.append(agreement(among, {EQUAL: verdicts[TRUTH][:, equal]}, clusters, draws))
    rows = pd.concat(found, ignore_index=True)
    sets = [(name, verdict) for name in names if name not in values for verdict in verdicts]
    rows = pd.concat([rows, pd.DataFrame(sets, columns=["metric", "verdict"])], ignore_index=True)
    over_runs = [_over_runs(scores, verdicts, *pair) for pair in rows[["metric", "verdict"]].values]
    return rows.assign(
        runs=over_runs, label=[scores.metrics[name].label for name in rows["metric"]]
    )


def _signed(scores: Scores, split: Split, names: Sequence[str]) -> dict[str, Floats]:
    """(samples, runs) values of the metrics that have one per sample; higher is better."""
    chosen = [name for name in names if name in scores.metrics and scores.metrics[name].per_sample]
    values = scores.per_sample(split.samples["sample_id"], chosen)
    signs = [1 if scores.metrics[name].higher_is_better else -1 for name in chosen]
    return {name: signs[i] * values[..., i] for i, name in enumerate(chosen)}


def _on_controls(
    scores: Scores, split: Split, names: Sequence[str], clusters: Clusters, draws: int
) -> pd.DataFrame:
    """Agreement with the truth by construction."""
    places = [scores.runs.index(RUN.format(name)) for name in CONTROLS]
    values = {name: found[:, places] for name, found in _signed(scores, split, names).items()}
    right = np.tile([RIGHT[name] for name in CONTROLS], (len(split.samples), 1))
    return agreement(values, {CONSTRUCTED: right}, clusters, draws)


def _over_runs(scores: Scores, verdicts: dict[str, Floats], metric: str, verdict: str) -> float:
    if verdict not in verdicts:
        return float("nan")
    sign = 1 if scores.metrics[metric].higher_is_better else -1
    means = sign * scores.summary.set_index("run")[metric].loc[scores.runs].to_numpy(float)
    return kendall(means, np.nanmean(verdicts[verdict], axis=0))


def markdown(found: pd.DataFrame, scores: Scores) -> str:
    """The metrics, sorted by τ within samples with all three; metrics of sets last."""
    order = found[found["verdict"] == TRUTH].sort_values(
        ["within", "runs"], ascending=False, na_position="last"
    )
    verdicts = [TRUTH, EQUAL, *JUDGE, CONSTRUCTED]
    verdicts = [name for name in verdicts if name in set(found["verdict"])]
    titles = {CONSTRUCTED: "τ on controls", EQUAL: "τ within: all three, equal methods"}
    head = ["metric", *(titles.get(name, f"τ within: {name}") for name in verdicts)]
    head += [f"accuracy: {TRUTH}", f"ρ over all: {TRUTH}", f"τ over runs: {TRUTH}"]
    lines = [
        f"# Agreement of metrics with the truth: {scores.manifest.split}",
        "",
        f"| {' | '.join(head)} |",
        f"|---|{'---:|' * (len(head) - 1)}",
    ]
    rows = dict(found.set_index(["metric", "verdict"]).iterrows())
    for metric, label in zip(order["metric"], order["label"], strict=True):
        cells = [_cell(rows.get((metric, name)), "within") for name in verdicts]
        truth = rows[metric, TRUTH]
        cells += [_cell(truth, "accuracy"), _cell(truth, "overall"), f"{truth['runs']:.2f}"]
        lines.append(f"| {' | '.join([label, *cells])} |")
    counts = ", ".join(
        f"{name} {found[found['verdict'] == name]['samples'].max():.0f}"
        for name in verdicts
        if name != CONSTRUCTED
    )
    samples = f"- Samples with a τ, of {scores.manifest.runs[0].samples}: {counts}."
    runs = f"- Runs: {', '.join(scores.runs)}."
    return "\n".join([*lines, NOTE.rstrip(), samples, runs]) + "\n"


def _cell(row: pd.Series | None, name: str) -> str:
    if row is None or np.isnan(row[name]):
        return "–"
    return f"{row[name]:.2f} {ends(row[f'{name}_lo'], row[f'{name}_hi'], 2)}"
