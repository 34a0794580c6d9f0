"""What the experiment does: `bench` commands in their order, and what each leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CUES = ("weak", "none", "strong")
TABLES = "methods,conditioning,tuning,controls"
# What is trained together is run together; the most telling rows come first.
GROUPS = (
    "joint",
    "ip2p",
    "descriptions,oracle,shuffled",
    "text",
    "image",
    "untuned",
    "random",
    "proxedit,sdedit",
)
PARTS = ("tables", "steps", "cues")
TUNING = {
    "batch_size": "32",
    "micro_batch": "32",
    "epochs": "6",
    "learning_rate": "1e-3",
    "warmup": "0.05",
    "precision": "float32",
    "gradient_checkpointing": "false",
}
DECODER = {  # the second training of the autoencoder, as docs/training.md has it
    "init": "autoencoder-first",
    "keep_encoder": "true",
    "error": "squared",
    "learning_rate": "1e-3",
    "iterations": "4000",
}
OPTIONS = {
    "train.autoencoder": "autoencoder-toy",
    "train.sdedit.samples": "64",
}
QUICK = {
    "train.batch_size": "2",
    "train.sdedit.samples": "2",
    "train.sdedit.steps": "2",
    "train.sdedit.strengths": "0.5",
    "run.steps": "2",
}


@dataclass(frozen=True)
class Step:
    """One command; it is done when `leaves` is there."""

    name: str
    words: tuple[str, ...]  # the first is `bench` or `python`
    leaves: Path
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """How much of everything, in which workspace; `name` begins what is trained with `options`."""

    workspace: Path
    name: str = "steps"
    test: str | None = None  # name of the test split
    clips: int = 256
    stills: int = 4096
    iterations: int = 4000
    seeds: Sequence[int] = (0, 1, 2)
    curve: Sequence[int] = (2000, 1000, 8000)
    parts: Sequence[str] = PARTS
    options: dict[str, str] = field(default_factory=dict)
    quick: bool = False

    @property
    def folder(self) -> Path:
        """Where tables, scores and logs of the experiment lie."""
        return self.workspace / "experiment" / self.name

    def tables(self, seeds: Sequence[int]) -> Path:
        return self.folder / f"tables-{self.iterations}-seeds{'-'.join(map(str, seeds))}"

    def gap(self, cue: str, iterations: int) -> Path:
        return self.folder / f"gap-{cue}-{iterations}"


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


def steps(plan: Plan) -> list[Step]:
    """All steps, each after those that it needs, the most important results first."""
    makers = {"tables": _tables, "steps": _curve, "cues": _cues}
    found: dict[str, Step] = {}
    for part in plan.parts:
        for step in makers[part](plan):
            found.setdefault(step.name, step)
    return list(found.values())


def _tables(plan: Plan) -> Iterator[Step]:
    world = World(plan)
    yield from _networks(world)
    ready = [f"enrich {name} {split}" for name in ("toy", "untuned") for split in _splits(world)]
    for group in GROUPS:
        for seed in plan.seeds:
            yield _rows(world, group, seed, (*ready, "true descriptions"))
    for number in range(1, len(plan.seeds) + 1):
        seeds = plan.seeds[:number]
        needs = [_row_name(world, group, each) for each in seeds for group in GROUPS]
        where = plan.tables(seeds)
        yield _ablation(
            f"tables of seeds {_list(seeds)}", world, where, needs, "--seeds", _list(seeds)
        )


def _curve(plan: Plan) -> Iterator[Step]:
    for iterations in (plan.iterations, *plan.curve):
        yield from _gap(World(plan), iterations)


def _cues(plan: Plan) -> Iterator[Step]:
    for cue in CUES:
        yield from _gap(World(plan, cue), plan.iterations)


def _gap(world: World, iterations: int) -> Iterator[Step]:
    """LEGO and InstructPix2Pix of one training seed, after so many steps in this world."""
    yield from _networks(world)
    seed = world.plan.seeds[0]
    ready = [f"enrich {world.vllm} {split}" for split in _splits(world)]
    names = []
    for group in ("joint", "ip2p"):
        step = _rows(world, group, seed, ready, iterations)
        names.append(step.name)
        yield step
    where = world.plan.gap(world.cue, iterations)
    name = f"gap of cue {world.cue}, {iterations} steps"
    chosen = ("--rows", "ip2p,joint", "--seeds", str(seed))
    yield _ablation(name, world, where, names, *chosen, iterations=iterations)


def _networks(world: World) -> Iterator[Step]:
    """The world's frames, curated sentences, autoencoder, VLLMs, descriptions and features."""
    plan, first = world.plan, world.cue == "weak"
    yield from _frames(world)
    if not first:
        yield from _networks(World(plan))
    else:
        yield _true_descriptions(world)
        yield from _autoencoder(world)
        yield _untuned(world)
    yield _tuned(world)
    tuned = f"tune {world.vllm}"
    for split in _splits(world):
        yield _enrich(world, split, world.vllm, f"vllm-{world.vllm}", tuned)
    if first and "tables" in plan.parts:
        for split in _splits(world):
            yield _enrich(world, split, "untuned", "vllm-untuned", "vllm-untuned")


def _frames(world: World) -> Iterator[Step]:
    cue = ("-o", f"cue={world.cue}", "--workers", "1")
    for subset, split, count in (
        ("train", world.train, world.plan.stills),
        ("val", world.test, world.plan.clips),
    ):
        words = ("--subset", subset, "--limit", str(count), "--name", split, *cue)
        leaves = world.split(split) / "split.json"
        yield _bench(world.plan, f"draw {split}", leaves, ("prepare-splits", "toy-kitchen", *words))
    curated = world.split(world.train) / "instructions" / "curated" / "curation.json"
    words = _curate(world, world.train, f"toy-kitchen-train{world.suffix}")
    yield _bench(world.plan, f"curate {world.train}", curated, words, (f"draw {world.train}",))


def _curate(world: World, split: str, drawn: str) -> tuple[str, ...]:
    boxes = world.plan.workspace / "datasets" / drawn / "annotations" / "fho_main.json"
    return ("lego", "curate", "--templates", "--split", split, "--boxes", str(boxes))


def _true_descriptions(world: World) -> Step:
    words = (*_curate(world, world.test, "toy-kitchen"), "--descriptions", "oracle")
    leaves = world.split(world.test) / "descriptions" / "oracle.json"
    return _bench(world.plan, "true descriptions", leaves, words, (f"draw {world.test}",))


def _autoencoder(world: World) -> Iterator[Step]:
    """The whole of it first, then the decoder once more on latents that stay what they are."""
    quick = {"iterations": "4"} if world.plan.quick else {}
    needs = f"draw {world.train}"
    for name, options in (("autoencoder-first", quick), ("autoencoder-toy", DECODER | quick)):
        words = ("train", "autoencoder", "--split", world.train, "--name", name, *_pairs(options))
        leaves = world.plan.workspace / "models" / name / "train.json"
        yield _bench(world.plan, name, leaves, words, (needs,))
        needs = name


def _untuned(world: World) -> Step:
    folder = world.plan.workspace / "models" / "vllm-untuned"
    data = world.split(world.train) / "instructions" / "curated" / "instructions.json"
    quick = ("--steps", "2") if world.plan.quick else ()
    words = (
        "python",
        "-m",
        "lego.toy",
        "make",
        str(world.split(world.train)),
        str(data),
        str(folder),
        *quick,
    )
    return Step("vllm-untuned", words, folder / "card.json", (f"curate {world.train}",))


def _tuned(world: World) -> Step:
    options = TUNING | ({"epochs": "1", "batch_size": "4"} if world.plan.quick else {})
    words = ("lego", "tune", "--weights", "vllm-untuned", "--split", world.train)
    words = (*words, "--name", world.vllm, *_pairs(options))
    leaves = world.plan.workspace / "models" / f"vllm-{world.vllm}" / "train.json"
    needs = ("vllm-untuned", f"curate {world.train}")
    return _bench(world.plan, f"tune {world.vllm}", leaves, words, needs)


def _enrich(world: World, split: str, name: str, weights: str, after: str) -> Step:
    """Descriptions of a split, and the VLLM's features of their very words.

    A VLLM that was not tuned never ends a sentence: 48 words are twice a tuned one's.
    """
    features = world.plan.workspace / "features" / name / split
    words = ("lego", "enrich", "--weights", weights, "--split", split, "--name", name)
    words = (*words, "--features", str(features), "--batch-size", "32", "--max-new-tokens", "48")
    needs = (after, f"draw {split}")
    return _bench(world.plan, f"enrich {name} {split}", features / "enrich.json", words, needs)


def _row_name(world: World, group: str, seed: int, iterations: int = 0) -> str:
    iterations = iterations or world.plan.iterations
    return f"{group.partition(',')[0]}, {world.train}, {iterations} steps, seed {seed}"


def _rows(world: World, group: str, seed: int, needs: Sequence[str], iterations: int = 0) -> Step:
    """Train, run and score the rows that stand on one training."""
    name = _row_name(world, group, seed, iterations)
    where = world.plan.folder / "rows" / name.replace(", ", "-").replace(" ", "")
    chosen = ("--rows", group, "--seeds", str(seed))
    needs = (*needs, "autoencoder-toy")
    return _ablation(name, world, where, needs, *chosen, iterations=iterations)


def _ablation(
    name: str,
    world: World,
    where: Path,
    needs: Sequence[str],
    *words: str,
    iterations: int = 0,
) -> Step:
    iterations = iterations or world.plan.iterations
    told = ["--descriptions", world.vllm]
    if world.cue == "weak" and "tables" in world.plan.parts:
        told += ["--untuned", "untuned", "--oracle", "oracle"]
    options = OPTIONS | (QUICK if world.plan.quick else {}) | world.plan.options
    options |= {"train.iterations": str(iterations)}
    call = ("lego", "ablate", "--tables", TABLES, "--name", f"{world.plan.name}{iterations}")
    call = (*call, "--train", world.train, "--split", world.test, *told, *words, *_pairs(options))
    leaves = where / "ablation.json"
    return _bench(world.plan, name, leaves, (*call, "--out", str(where)), tuple(needs))


def _splits(world: World) -> tuple[str, str]:
    return world.train, world.test


def _pairs(options: dict[str, str]) -> list[str]:
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def _list(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def _bench(
    plan: Plan, name: str, leaves: Path, words: Sequence[str], needs: Sequence[str] = ()
) -> Step:
    said = ("bench", "--workspace", str(plan.workspace), *words)
    return Step(name, said, leaves, tuple(needs))
