"""Instruction data in which every description of an action has the same wording.

    python -m benchmarks.laboratory.one_wording SPLIT

Writes the instruction data `plain` of SPLIT from its data `curated`, whose templates are drawn at
random: a small language model then spends most of its training on words that nothing predicts.
Hand, place and object stay.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from egoactgen_bench.support.files import read_json, write_json
from egoactgen_lego.curation.sentence_templates import OPENINGS, PHRASES, PLACES

PLAIN = "plain"


def plain(action: str, sentence: str) -> str:
    """The sentence in the first wording of its action."""
    phrases = next(phrases for pattern, phrases in PHRASES if re.match(pattern, action))
    for phrase in phrases:
        for place in PLACES:
            way = re.escape(phrase.format(place, thing="THING")).replace("THING", "(?P<thing>.+)")
            if found := re.search(way, sentence):
                hand = "left" if "left hand" in sentence else "right"
                thing = found.groupdict().get("thing", "")
                return OPENINGS[0].format(hand=hand, way=phrases[0].format(place, thing=thing))
    raise ValueError(f"no template of '{action}' gives: {sentence}")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("split", type=Path)
    chosen = parser.parse_args(words)
    folder = chosen.split / "instructions"
    entries = read_json(folder / "curated" / "instructions.json")
    for entry in entries:
        answer = entry["conversations"][1]
        answer["value"] = plain(entry["action"], answer["value"])
    write_json(folder / PLAIN / "instructions.json", entries)


if __name__ == "__main__":
    main()
