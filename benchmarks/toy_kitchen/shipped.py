"""Steps that train the weights that come with the package, starting with the frames.

They have their own splits: the standard world, the one in which no hand has moved yet, so that only
the text says what will be done (`cue=relation`, as its videos are its own), and clips of the
standard world in which the hand has begun another action than the one that the text says.
`python -m benchmarks.toy_kitchen.ship_weights workspace/models` copies them into the packages.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.toy_kitchen.networks import TUNING
from benchmarks.toy_kitchen.plan import Plan, Step, bench, pairs

SIDE = 128
STANDARD, STILL, SWAPPED = "weights-standard", "weights-still", "weights-swapped"
SPLITS = {  # the cue of their world, and its number of clips
    STANDARD: ("weak", 16384),
    STILL: ("relation", 8192),
}
CONTRADICTING = 4096  # clips of the third one
SHARES = {STANDARD: 5, STILL: 1, SWAPPED: 2}  # of the editors' draws
TOY = "toy"  # the set of descriptions
AUTOENCODERS: Mapping[str, Mapping[str, str]] = {
    "shipped-autoencoder-first": {"iterations": "8000"},
    "shipped-autoencoder": {  # arms and hands, which are small and rare, were blurred
        "init": "shipped-autoencoder-first",
        "error": "squared",
        "iterations": "12000",
    },
}
# The text encoder is trained with Stable Diffusion, on labels and descriptions, and then frozen.
SD = {"autoencoder": "shipped-autoencoder", "iterations": "8000"}
# What all editors need, to change an input frame, is learnt once, from labels; both start from it.
COMMON = {"init": "shipped-sd", "train_text": "false", "iterations": "48000"}
EDITORS = {
    "init": "shipped-editor",
    "train_text": "false",
    "iterations": "32000",
    "learning_rate": "1.5e-3",
}
TOWER = "4000"  # steps
EPOCHS = "8"


def shipped(plan: Plan) -> Iterator[Step]:
    """The frames, the autoencoder, the VLLM and the denoisers."""
    for split in SPLITS:
        yield from _frames(plan, split)
    yield _swapped(plan)
    yield from _autoencoder(plan)
    yield from _vllm(plan)
    captioned = [f"{split}-captioned" for split in SPLITS]
    yield _training(plan, "sd", captioned, SD, [f"captioned {split}" for split in SPLITS])
    splits = [f"{split}={share}" for split, share in SHARES.items()]
    needs = ["shipped-sd", f"draw {SWAPPED}"]
    yield _training(plan, "ip2p", splits, COMMON, needs, name="shipped-editor")
    yield _training(plan, "ip2p", splits, EDITORS, ["shipped-editor"])
    inputs = {"features": str(plan.workspace / "features" / TOY)}
    needs = ["shipped-editor", f"enrich {STANDARD}", f"embed {STILL}", f"enrich {SWAPPED}"]
    yield _training(plan, "lego", splits, EDITORS | inputs, needs, "--descriptions", TOY)


def _split(plan: Plan, name: str) -> Path:
    return plan.workspace / "splits" / name


def _frames(plan: Plan, split: str) -> Iterator[Step]:
    """Frames, curated descriptions, and a split with labels and descriptions alternately."""
    cue, count = SPLITS[split]
    drawn = f"toy-kitchen-train{'' if cue == 'weak' else f'-cue-{cue}'}-size-{SIDE}"
    words = ["prepare-splits", "toy-kitchen", "--subset", "train", "--workers", "1"]
    words += ["--limit", "16" if plan.quick else str(count), "--name", split]
    words += ["-o", f"cue={cue}", "-o", f"size={SIDE}", "--size", str(SIDE)]
    yield bench(plan, f"draw {split}", _split(plan, split) / "split.json", words)
    boxes = plan.workspace / "datasets" / drawn / "annotations" / "fho_main.json"
    words = ["lego", "curate", "--templates", "--split", split, "--boxes", str(boxes)]
    # The VLLM describes the standard world; the other one's true descriptions are used.
    words += ["--descriptions", TOY if split == STILL else "curated"]
    done = _split(plan, split) / "instructions" / "curated" / "curation.json"
    yield bench(plan, f"curate {split}", done, words, (f"draw {split}",))
    new = _split(plan, f"{split}-captioned")
    program = ("python", "-m", "benchmarks.toy_kitchen.derived_splits")
    words = [*program, "captioned", str(_split(plan, split)), str(new)]
    words += ["--descriptions", TOY if split == STILL else "curated"]
    yield Step(f"captioned {split}", tuple(words), new / "split.json", (f"curate {split}",))


def _swapped(plan: Plan) -> Step:
    new = _split(plan, SWAPPED)
    words = ["python", "-m", "benchmarks.toy_kitchen.derived_splits", "swapped"]
    words += [str(_split(plan, STANDARD)), str(new)]
    words += ["--samples", "8" if plan.quick else str(CONTRADICTING)]
    return Step(f"draw {SWAPPED}", tuple(words), new / "split.json", (f"draw {STANDARD}",))


def _autoencoder(plan: Plan) -> Iterator[Step]:
    needs = [f"draw {split}" for split in SPLITS]
    for name, options in AUTOENCODERS.items():
        options = {**options, **({"iterations": "4"} if plan.quick else {})}
        words = ["train", "autoencoder", "--split", STANDARD, "--split", STILL, "--name", name]
        output = plan.workspace / "models" / name / "train.json"
        yield bench(plan, name, output, [*words, *pairs(options)], needs)
        needs = [name]


def _vllm(plan: Plan) -> Iterator[Step]:
    models, quick = plan.workspace / "models", plan.quick
    start, data = models / "shipped-vllm-start", _split(plan, STANDARD) / "instructions"
    words = ["python", "-m", "egoactgen_lego.toy", str(_split(plan, STANDARD))]
    words += [str(data / "curated" / "instructions.json"), str(start)]
    words += ["--frames-of", str(_split(plan, STILL)), "--steps", "2" if quick else TOWER]
    needs = (f"curate {STANDARD}", f"draw {STILL}")
    yield Step("shipped-vllm-start", tuple(words), start / "card.json", needs)
    options = TUNING | ({"epochs": "1", "batch_size": "4"} if quick else {"epochs": EPOCHS})
    words = ["lego", "tune", "--weights", "shipped-vllm-start", "--split", STANDARD]
    words += ["--name", "shipped", *pairs(options)]
    output = models / "vllm-shipped" / "train.json"
    yield bench(plan, "tune shipped", output, words, ("shipped-vllm-start",))
    for step, split in (("enrich", STANDARD), ("embed", STILL), ("enrich", SWAPPED)):
        features = plan.workspace / "features" / TOY / split
        words = ["lego", step, "--weights", "vllm-shipped", "--split", split, "--batch-size", "32"]
        words += (
            ["--name", TOY, "--features", str(features), "--max-new-tokens", "48"]
            if step == "enrich"
            else ["--descriptions", TOY, "--out", str(features)]
        )
        needs = ("tune shipped", f"draw {split}" if split == SWAPPED else f"curate {split}")
        yield bench(plan, f"{step} {split}", features / f"{step}.json", words, needs)


def _training(
    plan: Plan,
    method: str,
    splits: Sequence[str],
    options: Mapping[str, str],
    needs: Sequence[str],
    *more: str,
    name: str | None = None,
) -> Step:
    if plan.quick:
        options = {**options, "iterations": "4", "batch_size": "2"}
    name = name or f"shipped-{method}"
    words = ["train", method, *(word for split in splits for word in ("--split", split))]
    words += ["--name", name, *more, *pairs(dict(options))]
    output = plan.workspace / "models" / name / "train.json"
    return bench(plan, name, output, words, (*needs, "shipped-autoencoder"))
