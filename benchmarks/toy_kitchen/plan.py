"""The size of the experiment, the names of its worlds, and its steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

EXPERIMENT = ("tables", "steps", "cues")
PARTS = (*EXPERIMENT, "weights", "shown")
DEMO, SHOWN, LARGE = "demo", "toy-kitchen-256", "toy-kitchen-1024"  # splits of the part `shown`
CUES = ("weak", "none", "strong")


@dataclass(frozen=True)
class Step:
    """One command; it is done when the file `output` exists."""

    name: str
    words: tuple[str, ...]  # the first is `bench` or `python`
    output: Path
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The size of the experiment and its workspace; `name` is the prefix of all trainings."""

    workspace: Path
    name: str = "steps"
    test: str | None = None  # name of the test split
    clips: int = 256
    stills: int = 4096
    iterations: int = 4000
    seeds: Sequence[int] = (0, 1, 2)
    curve: Sequence[int] = (2000, 1000, 8000)
    parts: Sequence[str] = EXPERIMENT
    options: dict[str, str] = field(default_factory=dict)
    quick: bool = False

    @property
    def folder(self) -> Path:
        """Folder of the experiment's tables, scores and logs."""
        return self.workspace / "experiment" / self.name

    def tables(self, seeds: Sequence[int]) -> Path:
        return self.folder / f"tables-{self.iterations}-seeds{'-'.join(map(str, seeds))}"

    def gap(self, cue: str, iterations: int, seeds: Sequence[int]) -> Path:
        return self.folder / f"gap-{cue}-{iterations}-seeds{'-'.join(map(str, seeds))}"


@dataclass(frozen=True)
class World:
    """The names of one world's splits and weights."""

    plan: Plan
    cue: str = "weak"

    @property
    def suffix(self) -> str:
        return "" if self.cue == "weak" else f"-cue-{self.cue}"

    @property
    def train(self) -> str:
        return f"toy-kitchen-train{self.suffix}"

    @property
    def test(self) -> str:
        return f"{self.plan.test or f'toy-kitchen-{self.plan.clips}'}{self.suffix}"

    @property
    def vllm(self) -> str:
        return f"toy{self.suffix}"

    def split(self, name: str) -> Path:
        return self.plan.workspace / "splits" / name


def bench(
    plan: Plan, name: str, output: Path, words: Sequence[str], needs: Sequence[str] = ()
) -> Step:
    """A call of `bench` in the plan's workspace."""
    command = ("bench", "--workspace", str(plan.workspace), *words)
    return Step(name, command, output, tuple(needs))


def pairs(options: dict[str, str]) -> list[str]:
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
