"""The `bench` commands that make the split and all images: methods with several seeds, controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.toy_kitchen.plan import Step
from benchmarks.toy_kitchen.trust.control_images import CONTROLS
from benchmarks.toy_kitchen.trust.control_table import RUN
from egoactgen_bench.artifacts.workspace import Workspace

METHODS = ("lego", "ip2p", "sdedit", "proxedit")  # those whose weights come with the packages
REFERENCE = "copy-input"
DESCRIPTIONS = "toy"  # of the VLLM that comes with LEGO


@dataclass(frozen=True)
class TrustPlan:
    """The size of the comparison, and its places in a workspace."""

    place: Workspace
    clips: int = 256
    seeds: Sequence[int] = (0, 1)

    @property
    def split(self) -> str:
        return f"toy-kitchen-{self.clips}"

    @property
    def controls(self) -> Path:
        """The folder of the controls' images, one folder for each."""
        return self.place.root / "controls" / self.split

    @property
    def method_runs(self) -> list[str]:
        names = [f"{method}-s{seed}" for seed in self.seeds for method in METHODS]
        return [*names, REFERENCE]

    @property
    def control_runs(self) -> list[str]:
        return [RUN.format(name) for name in CONTROLS]


def generation_steps(plan: TrustPlan) -> list[Step]:
    """The split, its descriptions, and the images of the methods."""
    limit = ("--limit", str(plan.clips), "--name", plan.split, "--workers", "1")
    split = plan.place.split(plan.split)
    chosen = ("--split", plan.split, "--weights", "toy", "--name", DESCRIPTIONS)
    steps = [
        _bench(plan, "split", split / "boxes.csv", ("prepare-splits", "toy-kitchen", *limit)),
        _bench(
            plan,
            "descriptions",
            split / "descriptions" / f"{DESCRIPTIONS}.json",
            ("lego", "enrich", *chosen, "--max-new-tokens", "48"),
            ("split",),
        ),
    ]
    for name in plan.method_runs:
        method, _, seed = name.rpartition("-s")
        words = ["--method", method or name]
        words += ["--seed", seed] if method else []
        words += ["--descriptions", DESCRIPTIONS] if method == "lego" else []
        steps.append(_run(plan, name, words, ("descriptions",)))
    return steps


def control_steps(plan: TrustPlan) -> list[Step]:
    """The controls as runs of finished images, which `write_controls` has written."""
    return [
        _run(plan, RUN.format(name), ("--method", f"images:{plan.controls / name}"), ())
        for name in CONTROLS
    ]


def _run(plan: TrustPlan, name: str, words: Sequence[str], needs: tuple[str, ...]) -> Step:
    output = plan.place.run(plan.split, name) / "run.json"
    return _bench(plan, name, output, ("run", "--split", plan.split, "--name", name, *words), needs)


def _bench(
    plan: TrustPlan,
    name: str,
    output: Path,
    words: tuple[str, ...],
    needs: tuple[str, ...] = (),
) -> Step:
    return Step(name, ("bench", "--workspace", str(plan.place.root), *words), output, needs)
