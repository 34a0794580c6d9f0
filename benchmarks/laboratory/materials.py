"""What all cells share: splits, the base denoiser, three VLLMs, and what these say.

The weights in benchmarks/laboratory/weights were made by these steps, apart from what
docs/laboratory.md states ("Running it"). With them, only frames, descriptions and features are made
again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.laboratory import design
from benchmarks.toy_kitchen.plan import Step

WEIGHTS = Path(__file__).parent / "weights"
AUTOENCODER = WEIGHTS / "base"  # has the one of version 0.1, for frames of 64 pixels
SIDE = 64  # of all frames, in pixels
WORLD = ("-o", f"size={SIDE}", "--size", str(SIDE), "--workers", "1")
TRAIN, THIRD, PRETRAINING = "laboratory-train", "laboratory-third", "laboratory-pretraining"
ALL, TEST = "laboratory-test", "laboratory-open"
VAL, FRESH = "laboratory-val", "laboratory-fresh"  # clips after those of ALL
TUNING = {
    "batch_size": 32,
    "micro_batch": 32,
    "learning_rate": 1e-3,
    "warmup": 0.05,
    "precision": "float32",
    "gradient_checkpointing": "false",
}
DRAWN = {  # the folders of their data sets
    TRAIN: "toy-kitchen-train-cue-relation-size-64",
    THIRD: "toy-kitchen-train-cue-relation-view-third-size-64",
    PRETRAINING: "toy-kitchen-train-cue-none-view-third-size-64",
}
VLLMS = ("tuned", "blind", "off-the-shelf")
# Splits that the VLLMs describe, and how each is made; the empty name is that of the pairs.
MADE = {"": "first", TEST: "open", ALL: "draw", FRESH: "after"}


@dataclass(frozen=True)
class Sizes:
    """Numbers of clips and steps; `quick` ones test the program."""

    train: int = 49152
    third: int = 8192
    test: int = 1024
    tower: int = 6000
    epochs: tuple[int, int, int] = (4, 5, 1)  # off-the-shelf, tuned, blind
    base: int = 6000
    editor: int = 8000
    pairs: Sequence[int] = design.PAIRS


QUICK = Sizes(24, 16, 24, 2, (1, 1, 1), 4, 4, (8, 16))


@dataclass(frozen=True)
class Laboratory:
    """The workspace of the experiment, and its sizes."""

    workspace: Path
    sizes: Sizes = Sizes()
    most_pairs: int = max(design.PAIRS)
    weights: Path = WEIGHTS  # the shared ones, in 16 bits

    def split(self, name: str) -> Path:
        return self.workspace / "splits" / name

    def features(self, source: str, split: str) -> Path:
        return self.workspace / "features" / source / split

    def model(self, name: str) -> Path:
        return self.workspace / "models" / name

    def pairs(self, count: int) -> str:
        return f"{TRAIN}-{count}"

    @property
    def base(self) -> Path:
        """The denoiser that all trainings start from."""
        return self.weights / "base"

    def vllm(self, name: str) -> Path:
        """A VLLM in its kept form, made ready."""
        return self.model(f"lab-kept-{name}")

    @property
    def most(self) -> str:
        """The split of the largest number of pairs."""
        return self.pairs(self.most_pairs)


def steps(lab: Laboratory, shipped: bool = False) -> Iterator[Step]:
    """All steps, each after those that it needs; with `shipped` weights none is trained."""
    yield from _frames(lab, shipped)
    if not shipped:
        yield from _vllms(lab)
        yield from _base(lab)
        yield from _kept(lab)
    yield _ready(lab, shipped)
    yield from _descriptions(lab)


def _kept(lab: Laboratory) -> Iterator[Step]:
    """The weights in 16 bits, as they are used and kept."""
    words = ("python", "-m", "benchmarks.laboratory.keep_weights", str(lab.workspace / "models"))
    needs = ("editor", *(f"tune {name}" for name in VLLMS))
    yield Step("keep weights", (*words, str(lab.weights)), lab.weights / "weights.json", needs)


def _bench(lab: Laboratory, name: str, output: Path, words: Sequence[str], *needs: str) -> Step:
    return Step(name, ("bench", "-w", str(lab.workspace), *words), output, needs)


def _derived(
    lab: Laboratory, how: str, split: str, new: str, needs: Sequence[str], *more: str
) -> Step:
    program = ("python", "-m", "benchmarks.toy_kitchen.derived_splits")
    words = (*program, how, str(lab.split(split)), str(lab.split(new)), *more)
    return Step(f"{how} {new}", words, lab.split(new) / "split.json", tuple(needs))


def _options(options: dict[str, object]) -> list[str]:
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def _frames(lab: Laboratory, shipped: bool) -> Iterator[Step]:
    sizes = lab.sizes
    # With the weights at hand, only the frames of the pairs are needed.
    train = max(sizes.pairs) if shipped else sizes.train
    subsets = [(TRAIN, train, "train", "first"), (ALL, sizes.test, "val", "first")]
    subsets += [(VAL, 2 * sizes.test, "val", "first")]
    if not shipped:
        subsets += [(name, sizes.third, "train", "third") for name in (THIRD, PRETRAINING)]
    for name, count, subset, view in subsets:
        cue = "none" if name == PRETRAINING else "relation"
        words = ["prepare-splits", "toy-kitchen", "--subset", subset, "-o", f"cue={cue}", *WORLD]
        words += ["-o", f"view={view}", "--limit", str(count), "--name", name]
        yield _bench(lab, f"draw {name}", lab.split(name) / "split.json", words)
    yield _derived(lab, "open", ALL, TEST, [f"draw {ALL}"])
    count = str(max(sizes.pairs))
    yield _derived(lab, "first", TRAIN, lab.most, [f"draw {TRAIN}"], "--samples", count)
    yield _derived(lab, "after", VAL, FRESH, [f"draw {VAL}"], "--samples", str(sizes.test))
    for split, made in MADE.items():
        split = split or lab.most
        yield _derived(lab, "grey", split, f"{split}-grey", [f"{made} {split}"])


def _curated(lab: Laboratory, split: str) -> Path:
    return lab.split(split) / "instructions" / "curated" / "instructions.json"


def _vllms(lab: Laboratory) -> Iterator[Step]:
    sizes = lab.sizes
    for split in (TRAIN, THIRD, PRETRAINING):
        boxes = lab.workspace / "datasets" / DRAWN[split] / "annotations" / "fho_main.json"
        words = ["lego", "curate", "--templates", "--split", split, "--boxes", str(boxes)]
        words += ["--descriptions", "curated"]
        done = _curated(lab, split).with_name("curation.json")
        yield _bench(lab, f"curate {split}", done, words, f"draw {split}")
    start = lab.model("vllm-lab-start")
    splits = [str(lab.split(THIRD)), str(_curated(lab, THIRD)), str(start)]
    words = ["python", "-m", "egoactgen_lego.toy", *splits, "--frames-of", str(lab.split(TRAIN))]
    words += ["--steps", str(sizes.tower)]
    needs = (f"draw {TRAIN}", f"curate {THIRD}")
    yield Step("start", tuple(words), start / "card.json", needs)
    yield _derived(lab, "grey", TRAIN, f"{TRAIN}-grey", [f"draw {TRAIN}"])
    grey = lab.split(f"{TRAIN}-grey")
    for (name, split, images, before, needs), epochs in zip(
        (
            ("off-the-shelf", THIRD, lab.split(THIRD), "start", ("start",)),
            ("tuned", TRAIN, lab.split(TRAIN), "off-the-shelf", (f"curate {TRAIN}",)),
            ("blind", TRAIN, grey, "off-the-shelf", (f"curate {TRAIN}", f"grey {TRAIN}-grey")),
        ),
        sizes.epochs,
        strict=True,
    ):
        words = ["lego", "tune", "--weights", f"vllm-lab-{before}", "--split", split]
        words += ["--images", str(images), "--name", f"lab-{name}"]
        words += _options({**TUNING, "epochs": epochs})
        after = needs if before == "start" else (*needs, "tune off-the-shelf")
        output = lab.model(f"vllm-lab-{name}") / "train.json"
        yield _bench(lab, f"tune {name}", output, words, *after)


def _base(lab: Laboratory) -> Iterator[Step]:
    """The denoiser that all arms start from: it knows the third-person view and its captions.

    First it learns to draw stills, then to edit them. Nothing in those input frames tells what a
    label leaves open, so that it cannot learn the rules from them.
    """
    for split in (THIRD, PRETRAINING):
        yield _derived(lab, "captioned", split, f"{split}-captioned", [f"curate {split}"])
    captioned = f"{THIRD}-captioned"
    words = ["train", "sd", "--split", captioned, "--name", "lab-base"]
    words += _options({"iterations": lab.sizes.base, "autoencoder": AUTOENCODER, "size": SIDE})
    output = lab.model("lab-base") / "train.json"
    yield _bench(lab, "base", output, words, f"captioned {captioned}")
    captioned = f"{PRETRAINING}-captioned"
    words = ["train", "ip2p", "--split", captioned, "--name", "lab-editor"]
    options = {"init": "lab-base", "iterations": lab.sizes.editor, "batch_size": 16, "size": SIDE}
    output = lab.model("lab-editor") / "train.json"
    needs = ("base", f"captioned {captioned}")
    yield _bench(lab, "editor", output, [*words, *_options(options)], *needs)


def _ready(lab: Laboratory, shipped: bool) -> Step:
    words = ("python", "-m", "benchmarks.laboratory.keep_weights", "--ready", str(lab.weights))
    needs = () if shipped else ("keep weights",)
    output = lab.vllm(VLLMS[-1]) / "config.json"
    return Step("ready", (*words, str(lab.workspace / "models")), output, needs)


def _descriptions(lab: Laboratory) -> Iterator[Step]:
    """Descriptions by each VLLM, and for the cells also features and those of the same label."""
    for split, made in MADE.items():
        split = split or lab.most
        for source in VLLMS:
            seen = f"{split}-grey" if source == "blind" else split
            words = ["lego", "enrich", "--weights", lab.vllm(source).name, "--split", seen]
            words += ["--name", source, "--batch-size", "32", "--max-new-tokens", "48"]
            done = lab.split(seen) / "descriptions" / f"{source}.json"
            if split in (lab.most, TEST):
                out = lab.features(source, split)
                words, done = [*words, "--features", str(out)], out / "enrich.json"
            needs = [f"grey {seen}" if source == "blind" else f"{made} {split}", "ready"]
            yield _bench(lab, f"enrich {source} {split}", done, words, *needs)
        program = ("python", "-m", "benchmarks.laboratory.control_inputs")
        if split in (lab.most, TEST):
            out = lab.features("same-label", split)
            tuned = lab.features("tuned", split)
            words = [*program, "same-label", str(lab.split(split)), str(tuned), str(out)]
            done, needs = out / "enrich.json", (f"enrich tuned {split}",)
            yield Step(f"same label {split}", tuple(words), done, needs)
        words = [*program, "blind", str(lab.split(split)), str(lab.split(f"{split}-grey"))]
        done, needs = lab.split(split) / "descriptions" / "blind.csv", (f"enrich blind {split}",)
        yield Step(f"blind {split}", tuple(words), done, needs)
    for count in lab.sizes.pairs:
        if lab.pairs(count) == lab.most:
            continue
        after = [f"enrich {source} {lab.most}" for source in VLLMS]
        after += [f"same label {lab.most}", f"blind {lab.most}"]
        samples = ("--samples", str(count))
        yield _derived(lab, "first", lab.most, lab.pairs(count), after, *samples)
