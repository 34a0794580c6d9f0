"""The toy kitchen's judge as metrics: whether the output shows the requested action.

The judge classifies the change from input to output; its verdict is compared with the ground truth
of the sample. An output in which it finds no action counts as wrong in all three metrics.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.weights_folder import SHIPPED
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.toy import stand_ins

if TYPE_CHECKING:
    from egoactgen_bench.toy.judge_network import Verdict

Question = Literal["action", "hand", "place"]
NEAR = 0.065  # of the frame's side: half the smallest distance between two items on the counter


class Judge(Metric[Options]):
    """Fraction of outputs in which the toy kitchen's judge sees the requested action."""

    name, label, position = "judge", "Judge: action", 21
    unit, factor, decimals = "%", 100, 1
    higher_is_better = True
    bounds = (0.0, 1.0)
    needs = frozenset({"input", "output", "target", "truth"})  # the target determines the size
    packages = ("pillow", "torch")
    asks: ClassVar[Question] = "action"

    def facts(self) -> Mapping[str, str]:
        """The judge's weights; always the package's own, whichever weights other metrics use."""
        return {f"{SHIPPED}/{stand_ins.JUDGE.name}": content_digest(stand_ins.JUDGE)[:12]}

    def measure(self, batch: Batch) -> NDArray[np.float32]:
        """(n, 1) float32: 1 where the judge's verdict on the output is correct, else 0."""
        from egoactgen_bench.toy.judge_network import load_judge

        judge = load_judge(device=self.context.device)
        verdicts = batch.once(
            "judge", lambda: judge.read(batch.images("input"), batch.images("output"))
        )
        truths = map(json.loads, batch.texts("truth"))
        correct = [_is_correct(self.asks, *pair) for pair in zip(verdicts, truths, strict=True)]
        return np.array(correct, np.float32)[:, None]


class JudgeSide(Judge):
    """Fraction of outputs in which the judge sees the correct hand (left or right) act."""

    name, label, position = "judge_side", "Judge: side", 22
    asks = "hand"


class JudgeTarget(Judge):
    """Fraction of outputs in which the judge sees an action at the correct place."""

    name, label, position = "judge_target", "Judge: target", 23
    asks = "place"


def _is_correct(question: Question, verdict: "Verdict", truth: dict[str, Any]) -> bool:
    if not verdict.acted:
        return False
    if question == "place":
        x, y = verdict.place
        return bool(np.hypot(x - truth["x"], y - truth["y"]) <= NEAR)
    return bool(getattr(verdict, question) == truth[question])
