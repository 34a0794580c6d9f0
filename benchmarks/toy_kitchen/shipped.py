"""Steps that train the weights that come with the package, starting with the frames.

`python -m benchmarks.toy_kitchen.ship_weights workspace/models` then copies them into the packages.
"""

from collections.abc import Iterator

from benchmarks.toy_kitchen.networks import networks
from benchmarks.toy_kitchen.plan import Step, World, bench, pairs

# LEGO and InstructPix2Pix are trained further twice, with a lower learning rate.
TRAININGS = (
    ("first", {"autoencoder": "autoencoder-toy"}),
    ("second", {"iterations": "8000", "learning_rate": "1.5e-3"}),
    ("toy-kitchen-train", {"iterations": "20000", "learning_rate": "1.5e-3"}),
)
SD = {"autoencoder": "autoencoder-toy", "iterations": "5000"}


def shipped(world: World) -> Iterator[Step]:
    """Train all three denoisers; each training starts from the previous one's weights."""
    yield from networks(world)
    features = world.plan.workspace / "features" / world.vllm / world.train
    inputs = {"lego": {"features": str(features)}, "ip2p": {}}
    for method, options in inputs.items():
        before = None
        for suffix, further in TRAININGS:
            name = f"{method}-{suffix}"
            init = {"init": before} if before else {}
            yield _training(world, method, name, options | init | further, before)
            before = name
    yield _training(world, "sd", "sd-toy-kitchen-train", SD, None)


def _training(
    world: World, method: str, name: str, options: dict[str, str], before: str | None
) -> Step:
    if world.plan.quick:
        options = options | {"iterations": "4", "batch_size": "2"}
    described = ("--descriptions", world.vllm) if method == "lego" else ()
    words = ("train", method, "--split", world.train, "--name", name, *described, *pairs(options))
    output = world.plan.workspace / "models" / name / "train.json"
    needs = ("autoencoder-toy", *([before] if before else []))
    if described:
        needs = (*needs, f"enrich {world.vllm} {world.train}")
    return bench(world.plan, name, output, words, needs)
