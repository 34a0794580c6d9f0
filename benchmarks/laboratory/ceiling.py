"""How well hand and place can be predicted at all from the input frame and the label.

    python -m benchmarks.laboratory.ceiling --csv results/toy-kitchen/ceiling.csv

A rule reads the world's own state in the input frame: the plan that follows from it, and the
camera. It does not know how far the head will lean nor, with relations, at which of the nearest
points exactly an item is put down. Its share of correct words is the bound for a vision-language
model that describes the action. Next to it, the label's prior: the most frequent word of each kind
of action, in the same clips.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from benchmarks.toy_kitchen.shares import share
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.toy.world.actions import possible
from egoactgen_bench.toy.world.drawn_boxes import boxes
from egoactgen_bench.toy.world.filming import video_clips
from egoactgen_bench.toy.world.motion import PNR, Clip
from egoactgen_bench.toy.world.relations import is_open, related_plan
from egoactgen_bench.toy.world.rendering import Camera
from egoactgen_bench.toy.world.variants import Cue, Variant
from egoactgen_lego.curation.sentence_templates import PLACES

WORLDS: tuple[Cue, ...] = ("relation", "weak", "strong")  # without a cue, chance decides
CLIPS = ("all", "label leaves the goal open")
LEAN = 0.06  # the middle of the range of the head's lean
SIDE = 256

Words = tuple[str, int]  # hand, and the number of the place in `PLACES`


def true_words(clip: Clip) -> Words | None:
    """The words that the templates choose for a clip; None if its object is outside the frame."""
    return _words(clip, clip.camera(PNR))


def best_guess(clip: Clip, variant: Variant) -> Words | None:
    """The words that follow from the state of the world in the input frame, and the label."""
    plan = clip.plan  # with a cue, the hand's direction determines it
    if variant.related:
        plans = possible(clip.scene, Random(0))[clip.action]
        plan = related_plan(clip.scene, clip.action, plans)
    guess = replace(clip, plan=plan, lean=LEAN)
    seen, leant, still = (
        clip.camera(clip.pre15),
        guess.camera(PNR),
        replace(guess, lean=0.0).camera(PNR),
    )
    camera = replace(
        seen,
        x=seen.x + leant.x - still.x,
        y=seen.y + leant.y - still.y,
        roll=seen.roll + leant.roll - still.roll,
    )
    return _words(guess, camera)


def _words(clip: Clip, camera: Camera) -> Words | None:
    found = boxes(clip.moment(PNR), clip.plan, clip.action, camera, SIDE)
    centres = [
        (box.corners[0] + box.corners[2]) / 2 / SIDE
        for box in found
        if box.object_type == "object_of_change"
    ]
    if not centres:
        return None
    return clip.plan.hand, min(int(centres[0] * len(PLACES)), len(PLACES) - 1)


def measure(cue: Cue, videos: int) -> pd.DataFrame:
    """One row per world, word and guess: the share of correct words with its 95 % interval."""
    variant = Variant(cue)
    clips = [
        (number, clip) for number in range(videos) for clip in video_clips("val", number, variant)
    ]
    known = [(number, clip, words) for number, clip in clips if (words := true_words(clip))]
    guesses: dict[str, Callable[[Clip], Words | None]] = {
        "world's state": lambda clip: best_guess(clip, variant),
        "label's prior": _prior([(clip, words) for _, clip, words in known]),
    }
    rows = []
    for only_open in (False, True):
        chosen = [each for each in known if not only_open or _is_open(each[1])]
        clusters = np.array([number for number, _, _ in chosen])
        for name, guess in guesses.items():
            made = [guess(clip) for _, clip, _ in chosen]
            for part, word in enumerate(("hand", "place")):
                right = np.array(
                    [
                        float(each is not None and each[part] == words[part])
                        for each, (_, _, words) in zip(made, chosen, strict=True)
                    ]
                )
                about = {"cue": cue, "clips": CLIPS[only_open], "n": len(chosen), "word": word}
                rows.append(about | {"guess": name} | share(right, clusters))
    return pd.DataFrame(rows)


def _is_open(clip: Clip) -> bool:
    return is_open(clip.scene, clip.action, possible(clip.scene, Random(0))[clip.action])


def _prior(known: Sequence[tuple[Clip, Words]]) -> Callable[[Clip], Words]:
    """The most frequent hand and the most frequent place of each action."""
    counts: dict[str, tuple[Counter[str], Counter[int]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    for clip, (hand, place) in known:
        counts[clip.action][0][hand] += 1
        counts[clip.action][1][place] += 1

    def guess(clip: Clip) -> Words:
        hands, places = counts[clip.action]
        return hands.most_common(1)[0][0], places.most_common(1)[0][0]

    return guess


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.laboratory.ceiling")
    parser.add_argument("--videos", type=int, default=600, help="of the test subset")
    parser.add_argument("--csv", type=Path, help="file to write")
    chosen = parser.parse_args()
    table = pd.concat([measure(cue, chosen.videos) for cue in WORLDS], ignore_index=True)
    print(table.to_string(index=False))
    if chosen.csv:
        write_csv(chosen.csv, table)


if __name__ == "__main__":
    main()
