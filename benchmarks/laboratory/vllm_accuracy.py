"""How often the VLLMs' sentences name the right hand and place.

    python -m benchmarks.laboratory.vllm_accuracy --workspace DIR --csv FILE

On three sets of clips: those of the gate, on which faults were also looked for; fresh ones, which
nothing was decided on; and the pairs of the finetuning, which the VLLM was tuned on. Next to them,
in the same clips: the label's prior (the most frequent hand and place of the action in the training
clips), and what a rule finds that reads the world's own state in the input frame, the best that
frame and label allow. Intervals are over videos.
"""

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from benchmarks.laboratory.ceiling import Words, best_guess, true_words
from benchmarks.laboratory.materials import ALL, FRESH, TRAIN, VLLMS, Laboratory
from benchmarks.toy_kitchen.shares import share
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.toy.world.actions import possible
from egoactgen_bench.toy.world.motion import Clip
from egoactgen_bench.toy.world.relations import is_open
from egoactgen_bench.toy.world.variants import Variant
from egoactgen_lego.curation.sentence_templates import PLACES
from egoactgen_lego.toy.split_clips import split_clips

WORLD = Variant("relation")
Guess = Callable[[int], Words | None]  # of the clip with this number


def named(text: str) -> tuple[str | None, int | None]:
    """The hand and the place that a sentence names."""
    hand = re.search(r"(left|right) hand", text)
    place = next((number for number, each in enumerate(PLACES) if each in text), None)
    return hand and hand[1], place


def prior(clips: Sequence[Clip]) -> Mapping[str, Words]:
    """Action → its most frequent hand and its most frequent place."""
    counts: dict[str, list[Words]] = defaultdict(list)
    for clip in clips:
        if words := true_words(clip):
            counts[clip.action].append(words)
    return {
        action: (
            Counter(hand for hand, _ in words).most_common(1)[0][0],
            Counter(place for _, place in words).most_common(1)[0][0],
        )
        for action, words in counts.items()
    }


def measure(lab: Laboratory, trained: int = 4096) -> pd.DataFrame:
    """One row per set of clips, word and guess."""
    usual = prior(split_clips(load_split(lab.split(TRAIN)))[:trained])
    sets = {"gate": ALL, "fresh": FRESH, "pairs": lab.most}
    tables = [_measure(lab, name, split, usual) for name, split in sets.items()]
    return pd.concat(tables, ignore_index=True)


def _measure(lab: Laboratory, about: str, name: str, usual: Mapping[str, Words]) -> pd.DataFrame:
    split = load_split(lab.split(name))
    clips = split_clips(split)
    truth = [true_words(clip) for clip in clips]
    videos = pd.factorize(split.samples["video_id"])[0]
    guesses: dict[str, Guess] = {
        "world's state": lambda number: best_guess(clips[number], WORLD),
        "label's prior": lambda number: usual.get(clips[number].action),
    }
    for source in VLLMS:
        texts = load_descriptions(split.folder, source).texts
        words = [named(texts.get(sample_id, "")) for sample_id in split.samples["sample_id"]]
        guesses[f"VLLM: {source}"] = words.__getitem__  # type: ignore[assignment]
    known = np.array([each is not None for each in truth])
    left_open = [
        is_open(clip.scene, clip.action, possible(clip.scene, Random(0))[clip.action])
        for clip in clips
    ]
    rows = []
    for kind, chosen in (("all", known), ("goal left open", known & left_open)):
        numbers = np.flatnonzero(chosen)
        for guess_name, guess in guesses.items():
            made = [guess(number) or (None, None) for number in numbers]
            for part, word in enumerate(("hand", "place")):
                right = np.array(
                    [
                        float(each[part] == truth[number][part])  # type: ignore[index]
                        for each, number in zip(made, numbers, strict=True)
                    ]
                )
                row = {"set": about, "clips": kind, "n": len(numbers), "word": word}
                rows.append(row | {"guess": guess_name} | share(right, videos[numbers]))
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--csv", type=Path)
    chosen = parser.parse_args()
    table = measure(Laboratory(chosen.workspace))
    print(table.to_string(index=False))
    if chosen.csv:
        write_csv(chosen.csv, table)


if __name__ == "__main__":
    main()
