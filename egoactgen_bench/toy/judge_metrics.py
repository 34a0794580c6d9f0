"""The toy kitchen's judge as metrics: whether the output shows the action that was asked for.

It reads the change from the input to the output, and is compared with what the world knows of the
sample. An output in which it finds no action has nothing right.
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
NEAR = 0.065  # of the kitchen's side: half the least distance of two things on the counter


class Judge(Metric[Options]):
    """Share of outputs in which the toy kitchen's judge sees the action that was asked for."""

    name, label, position = "judge", "Judge: action", 5
    unit, factor, decimals = "%", 100, 1
    higher_is_better = True
    needs = frozenset({"input", "output", "truth"})
    packages = ("pillow", "torch")
    asks: ClassVar[Question] = "action"

    def facts(self) -> Mapping[str, str]:
        """The judge is the one that comes with the package, whatever weights the others use."""
        return {f"{SHIPPED}/{stand_ins.JUDGE.name}": content_digest(stand_ins.JUDGE)[:12]}

    def measure(self, batch: Batch) -> NDArray[np.float32]:
        """(n, 1): 1 where the judge is right about the output, else 0."""
        from egoactgen_bench.toy.judge_network import load_judge

        judge = load_judge(device=self.context.device)
        verdicts = batch.once(
            "judge", lambda: judge.read(batch.images("input"), batch.images("output"))
        )
        truths = map(json.loads, batch.texts("truth"))
        right = [_is_right(self.asks, *both) for both in zip(verdicts, truths, strict=True)]
        return np.array(right, np.float32)[:, None]


class JudgeSide(Judge):
    """Share of outputs in which the judge sees the right hand do something."""

    name, label, position = "judge_side", "Judge: side", 6
    asks = "hand"


class JudgeTarget(Judge):
    """Share of outputs in which the judge sees something done at the right place."""

    name, label, position = "judge_target", "Judge: target", 7
    asks = "place"


def _is_right(asked: Question, said: "Verdict", true: dict[str, Any]) -> bool:
    if not said.acted:
        return False
    if asked == "place":
        return bool(np.hypot(said.place[0] - true["x"], said.place[1] - true["y"]) <= NEAR)
    return bool(getattr(said, asked) == true[asked])
