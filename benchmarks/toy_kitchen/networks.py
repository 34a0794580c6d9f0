"""Prerequisites of every training: frames, autoencoder, VLLMs, descriptions and features."""

from collections.abc import Iterator

from benchmarks.toy_kitchen.plan import Step, World, bench, pairs

TUNING = {
    "batch_size": "32",
    "micro_batch": "32",
    "epochs": "6",
    "learning_rate": "1e-3",
    "warmup": "0.05",
    "precision": "float32",
    "gradient_checkpointing": "false",
}
DECODER = {  # the second training of the autoencoder, as described in docs/training.md
    "init": "autoencoder-first",
    "keep_encoder": "true",
    "error": "squared",
    "learning_rate": "1e-3",
    "iterations": "4000",
}


def networks(world: World) -> Iterator[Step]:
    """The world's frames, curated sentences, autoencoder, VLLMs, descriptions and features."""
    plan, first = world.plan, world.cue == "weak"
    yield from _frames(world)
    if not first:
        yield from networks(World(plan))
    else:
        yield _true_descriptions(world)
        yield from _autoencoder(world)
        yield _untuned(world)
    yield _tuned(world)
    tuned = f"tune {world.vllm}"
    for split in splits(world):
        yield _enrich(world, split, world.vllm, f"vllm-{world.vllm}", tuned)
    if first and "tables" in plan.parts:
        for split in splits(world):
            yield _enrich(world, split, "untuned", "vllm-untuned", "vllm-untuned")
            yield _embed_untuned(world, split)


def _frames(world: World) -> Iterator[Step]:
    cue = ("-o", f"cue={world.cue}", "--workers", "1")
    for subset, split, count in (
        ("train", world.train, world.plan.stills),
        ("val", world.test, world.plan.clips),
    ):
        words = ("--subset", subset, "--limit", str(count), "--name", split, *cue)
        output = world.split(split) / "split.json"
        yield bench(world.plan, f"draw {split}", output, ("prepare-splits", "toy-kitchen", *words))
    curated = world.split(world.train) / "instructions" / "curated" / "curation.json"
    words = _curate(world, world.train, f"toy-kitchen-train{world.suffix}")
    yield bench(world.plan, f"curate {world.train}", curated, words, (f"draw {world.train}",))


def _curate(world: World, split: str, drawn: str) -> tuple[str, ...]:
    boxes = world.plan.workspace / "datasets" / drawn / "annotations" / "fho_main.json"
    return ("lego", "curate", "--templates", "--split", split, "--boxes", str(boxes))


def _true_descriptions(world: World) -> Step:
    words = (*_curate(world, world.test, "toy-kitchen"), "--descriptions", "oracle")
    output = world.split(world.test) / "descriptions" / "oracle.json"
    return bench(world.plan, "true descriptions", output, words, (f"draw {world.test}",))


def _autoencoder(world: World) -> Iterator[Step]:
    """Train the whole autoencoder, then finetune its decoder with the latents unchanged."""
    quick = {"iterations": "4"} if world.plan.quick else {}
    needs = f"draw {world.train}"
    for name, options in (("autoencoder-first", quick), ("autoencoder-toy", DECODER | quick)):
        words = ("train", "autoencoder", "--split", world.train, "--name", name, *pairs(options))
        output = world.plan.workspace / "models" / name / "train.json"
        yield bench(world.plan, name, output, words, (needs,))
        needs = name


def _untuned(world: World) -> Step:
    folder = world.plan.workspace / "models" / "vllm-untuned"
    data = world.split(world.train) / "instructions" / "curated" / "instructions.json"
    quick = ("--steps", "2") if world.plan.quick else ()
    words = (
        "python",
        "-m",
        "egoactgen_lego.toy",
        str(world.split(world.train)),
        str(data),
        str(folder),
        *quick,
    )
    return Step("vllm-untuned", words, folder / "card.json", (f"curate {world.train}",))


def _tuned(world: World) -> Step:
    options = TUNING | ({"epochs": "1", "batch_size": "4"} if world.plan.quick else {})
    words = ("lego", "tune", "--weights", "vllm-untuned", "--split", world.train)
    words = (*words, "--name", world.vllm, *pairs(options))
    output = world.plan.workspace / "models" / f"vllm-{world.vllm}" / "train.json"
    needs = ("vllm-untuned", f"curate {world.train}")
    return bench(world.plan, f"tune {world.vllm}", output, words, needs)


def _enrich(world: World, split: str, name: str, weights: str, after: str) -> Step:
    """Descriptions of a split, and the VLLM's features of the same tokens.

    The untuned VLLM never ends a sentence; 48 tokens are twice the length of a tuned VLLM's.
    """
    features = world.plan.workspace / "features" / name / split
    words = ("lego", "enrich", "--weights", weights, "--split", split, "--name", name)
    words = (*words, "--features", str(features), "--batch-size", "32", "--max-new-tokens", "48")
    needs = (after, f"draw {split}")
    return bench(world.plan, f"enrich {name} {split}", features / "enrich.json", words, needs)


def _embed_untuned(world: World, split: str) -> Step:
    """The untuned VLLM's features of the tuned one's descriptions."""
    features = world.plan.workspace / "features" / f"{world.vllm}-by-untuned" / split
    words = ("lego", "embed", "--weights", "vllm-untuned", "--split", split)
    words = (*words, "--descriptions", world.vllm, "--out", str(features), "--batch-size", "32")
    needs = ("vllm-untuned", f"enrich {world.vllm} {split}")
    return bench(world.plan, f"embed untuned {split}", features / "embed.json", words, needs)


def splits(world: World) -> tuple[str, str]:
    return world.train, world.test
