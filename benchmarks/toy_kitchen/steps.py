"""The steps of the experiment: `bench` commands in their order, and the output of each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.toy_kitchen.networks import networks, splits
from benchmarks.toy_kitchen.plan import CUES, Plan, Step, World, bench, pairs
from benchmarks.toy_kitchen.shipped import shipped
from benchmarks.toy_kitchen.shown_weights import shown

TABLES = "methods,conditioning,tuning,controls"
# Rows that share a training are one step; the most informative rows come first.
GROUPS = (
    "joint",
    "ip2p",
    "descriptions,oracle,shuffled",
    "text",
    "image",
    "untuned",
    "untuned-embeddings",
    "random",
    "proxedit,sdedit",
)
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


def steps(plan: Plan) -> list[Step]:
    """All steps, each after its prerequisites, the most important results first."""
    makers = {
        "tables": _tables,
        "steps": _curve,
        "cues": _cues,
        "weights": shipped,
        "shown": shown,
    }
    found: dict[str, Step] = {}
    for part in plan.parts:
        for step in makers[part](plan):
            found.setdefault(step.name, step)
    return list(found.values())


def _tables(plan: Plan) -> Iterator[Step]:
    world = World(plan)
    yield from networks(world)
    ready = [f"enrich {name} {split}" for name in ("toy", "untuned") for split in splits(world)]
    ready += [f"embed untuned {split}" for split in splits(world)]
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
        yield from _gap(World(plan), iterations, plan.seeds[:1])


def _cues(plan: Plan) -> Iterator[Step]:
    for cue in CUES:
        yield from _gap(World(plan, cue), plan.iterations, plan.seeds)


def _gap(world: World, iterations: int, seeds: Sequence[int]) -> Iterator[Step]:
    """LEGO and InstructPix2Pix with these training seeds and number of iterations in a world."""
    yield from networks(world)
    ready = [f"enrich {world.vllm} {split}" for split in splits(world)]
    names = []
    for seed in seeds:
        for group in ("joint", "ip2p"):
            step = _rows(world, group, seed, ready, iterations)
            names.append(step.name)
            yield step
    where = world.plan.gap(world.cue, iterations, seeds)
    name = f"gap of cue {world.cue}, {iterations} steps, seeds {_list(seeds)}"
    chosen = ("--rows", "ip2p,joint", "--seeds", _list(seeds))
    yield _ablation(name, world, where, names, *chosen, iterations=iterations)


def _row_name(world: World, group: str, seed: int, iterations: int = 0) -> str:
    iterations = iterations or world.plan.iterations
    return f"{group.partition(',')[0]}, {world.train}, {iterations} steps, seed {seed}"


def _rows(world: World, group: str, seed: int, needs: Sequence[str], iterations: int = 0) -> Step:
    """Train, run and score the rows that share one training."""
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
    descriptions = ["--descriptions", world.vllm]
    if world.cue == "weak" and "tables" in world.plan.parts:
        descriptions += ["--untuned", "untuned", "--oracle", "oracle"]
    options = OPTIONS | (QUICK if world.plan.quick else {}) | world.plan.options
    options |= {"train.iterations": str(iterations)}
    if "--rows" not in words:
        words = (*words, "--rows", ",".join((*GROUPS, "copy-input")))
    call = ("lego", "ablate", "--tables", TABLES, "--name", f"{world.plan.name}{iterations}")
    call = (*call, "--train", world.train, "--split", world.test, *descriptions)
    call = (*call, *words, *pairs(options))
    output = where / "ablation.json"
    return bench(world.plan, name, output, (*call, "--out", str(where)), tuple(needs))


def _list(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
