"""The order of the controls that each metric should find, declared before anything was measured.

A pair of controls is ordered right if the metric prefers the better one in more than half of the
samples, with the lower end of the 95 % interval over videos above 50 % (a tie counts ½). For a
metric of sets, disjoint parts of the videos take the place of samples. A metric passes if all pairs
of its order are right.
"""

from dataclasses import dataclass
from itertools import pairwise, product

from benchmarks.toy_kitchen.trust.control_images import CONTROLS

# One order for all metrics: each pair of neighbours.
COMMON = tuple(pairwise(CONTROLS))


@dataclass(frozen=True)
class Question:
    """What a metric is asked, and its order: groups of controls from best to worst.

    Controls of one group, and those that are in no group, need not be ordered.
    """

    text: str
    groups: tuple[tuple[str, ...], ...]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs (better, worse) of groups that follow each other."""
        return tuple(pair for a, b in pairwise(self.groups) for pair in product(a, b))

    @property
    def order(self) -> str:
        """The groups as text."""
        return " > ".join(", ".join(group) for group in self.groups)


# Neither a copy nor another action shows the requested action: which is worse is not determined.
_DONE = (("target",), ("shifted",), ("other-action", "copy"), ("noise",))
_KEPT = (("target",), ("shifted", "other-action", "copy"), ("noise",))
QUESTIONS = {
    "action": Question("Is the action done as in the target?", _DONE),
    "label": Question(
        "Is the action of the label done? (reads no target)",
        (("target", "shifted"), ("other-action", "copy", "noise")),
    ),
    # Another action may use the same hand, or end at the same place.
    "place": Question("Is it the right hand or place?", (("target", "shifted"), ("copy", "noise"))),
    "region": Question("Is the hand or object region as in the target?", _DONE),
    "motion": Question("Does the change agree with the true one?", _DONE),
    "scene": Question("Is the rest of the scene kept?", _KEPT),
    "set": Question("Does the set look like the targets?", _KEPT),
}
_BY_NAME = {
    "change": "motion",
    "motion": "motion",
    "clip_text": "label",
    "judge": "label",
    "judge_side": "place",
    "judge_target": "place",
}
_BY_ENDING = {"_background": "scene", "_hands": "region", "_object": "region"}


def question_of(metric: str, per_sample: bool = True) -> str:
    """The key in `QUESTIONS` of a metric; unknown ones are asked about the action, or as a set."""
    if metric in _BY_NAME:
        return _BY_NAME[metric]
    if not per_sample:
        return "set"
    if metric.startswith("blip_"):
        return "label"
    return next((name for end, name in _BY_ENDING.items() if metric.endswith(end)), "action")
