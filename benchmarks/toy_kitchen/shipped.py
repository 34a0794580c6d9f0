"""The weights that come with the package, from the frames on.

`python -m benchmarks.toy_kitchen.ship_weights workspace/models` then copies them into the packages.
"""

from collections.abc import Iterator

from benchmarks.toy_kitchen.networks import networks
from benchmarks.toy_kitchen.plan import Step, World, bench, pairs

# LEGO and InstructPix2Pix go on twice from what they have learnt, at a lower rate.
COURSES = (
    ("first", {"autoencoder": "autoencoder-toy"}),
    ("second", {"iterations": "8000", "learning_rate": "1.5e-3"}),
    ("toy-kitchen-train", {"iterations": "20000", "learning_rate": "1.5e-3"}),
)
SD = {"autoencoder": "autoencoder-toy", "iterations": "5000"}


def shipped(world: World) -> Iterator[Step]:
    """Train all three denoisers; each course needs the one before it."""
    yield from networks(world)
    features = world.plan.workspace / "features" / world.vllm / world.train
    told = {"lego": {"features": str(features)}, "ip2p": {}}
    for method, options in told.items():
        before = None
        for course, further in COURSES:
            name = f"{method}-{course}"
            goes_on = {"init": before} if before else {}
            yield _training(world, method, name, options | goes_on | further, before)
            before = name
    yield _training(world, "sd", "sd-toy-kitchen-train", SD, None)


def _training(
    world: World, method: str, name: str, options: dict[str, str], before: str | None
) -> Step:
    if world.plan.quick:
        options = options | {"iterations": "4", "batch_size": "2"}
    described = ("--descriptions", world.vllm) if method == "lego" else ()
    words = ("train", method, "--split", world.train, "--name", name, *described, *pairs(options))
    leaves = world.plan.workspace / "models" / name / "train.json"
    needs = ("autoencoder-toy", *([before] if before else []))
    if described:
        needs = (*needs, f"enrich {world.vllm} {world.train}")
    return bench(world.plan, name, leaves, words, needs)
