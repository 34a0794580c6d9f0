"""The design of the experiment: arms, numbers of pairs, seeds, and the order of its cells.

results/toy-kitchen/plan.md states it in words, with the predictions, which were written before any
cell was run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

# Where descriptions and features come from: the tuned VLLM's of the sample, the tuned VLLM's of
# another sample with the same label, those of a VLLM that sees a grey frame, and those of the VLLM
# before tuning, which knows only the third-person view.
Source = Literal["tuned", "same-label", "blind", "off-the-shelf"]
SOURCES: tuple[Source, ...] = ("tuned", "same-label", "blind", "off-the-shelf")


@dataclass(frozen=True)
class Arm:
    """One way to condition the denoiser; without a source, on the label alone."""

    title: str
    conditioning: str | None = None
    source: Source = "tuned"


ARMS = {
    "labels": Arm("InstructPix2Pix"),
    "joint": Arm("joint (LEGO)", "joint"),
    "descriptions": Arm("descriptions", "descriptions"),
    "same-label": Arm("joint, of the same action", "joint", "same-label"),
    "blind": Arm("joint, blind VLLM", "joint", "blind"),
    "off-the-shelf": Arm("joint, VLLM not tuned", "joint", "off-the-shelf"),
}
REFERENCE = "labels"
PAIRS = (256, 1024, 4096)
SEEDS = (0, 1, 2, 3, 4, 5)
TESTED = (SEEDS[:3], SEEDS)  # the tests are made with these seeds, and repeated with all
ITERATIONS = 2400
STEPS = 4  # of generation
OUTCOMES = ("target", "side", "action")  # the first one is the primary outcome


@dataclass(frozen=True)
class Cell:
    """One training and its test."""

    arm: str
    pairs: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm}-{self.pairs}-seed{self.seed}"


def cells(seeds: Sequence[int] = SEEDS, pairs: Sequence[int] = PAIRS) -> Iterator[Cell]:
    """All cells in their order: seed by seed, so that each finished seed is complete."""
    for seed in seeds:
        for count in pairs:
            for arm in ARMS:
                yield Cell(arm, count, seed)
