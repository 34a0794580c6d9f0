"""Texts of the toy models: captions of clips, and the vocabulary."""

import string
from pathlib import Path

from egoactgen_bench.datasets.labels import ego4d_label
from egoactgen_bench.support.files import write_text
from egoactgen_bench.toy.world.actions import ACTIONS
from egoactgen_bench.toy.world.motion import Clip

IDLE = "both hands at rest"  # the caption of a frame before the action
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Further words of descriptions of such scenes, in addition to those of labels and captions.
WORDS = """a an and at away back before behind below beside between both bottom by camera centre
down edge far fingers first fist forward from front grasp grasping grip gripping hand handle handles
hands held hold holding holds in inside into is it its knob lever lift lifted lifting lifts lower
lowers lowering middle near of off on onto open opened other out over palm person picture place
pull push raise raises reach reaches reaching rest resting right left release releases sets side
sleeve slice slices spout stands still stove surface that the their then things this thumb tilt
tilts tilting to toward towards turn twist under up upper upward wall while with wrist board counter
cupboard glass hob kitchen onion sink stream tap water white red blue green yellow orange grey black
brown wooden drawer mug plate knife jug pan slightly slowly firmly gently carefully moves moving
uses reaching brings draws slides shut person's"""


def caption(clip: Clip) -> str:
    """ "the left hand taking a mug on the right", with one wording per action."""
    verb, _, rest = label(clip.action).partition(" ")
    return f"the {clip.plan.hand} hand {gerund(verb)} {rest} {where(clip)}"


def label(action: str) -> str:
    """The label of an action's first narration."""
    return ego4d_label(f"#C C {ACTIONS[action].narrations[0]}") or ""


def sentence(clip: Clip) -> str:
    """ "With the left hand the person picks up the mug on the right.", from its narration."""
    return f"With the {clip.plan.hand} hand the person {clip.narration} {where(clip)}."


def where(clip: Clip) -> str:
    """The third of the frame in which the action happens, such as "on the left"."""
    x = (clip.plan.place if clip.plan.place != (0.0, 0.0) else clip.plan.goal)[0]
    return "on the left" if x < 36 else "on the right" if x > 64 else "in the middle"


def gerund(verb: str) -> str:
    from lemminflect import getInflection

    return str(getInflection(verb, "VBG")[0])


def vocabulary() -> list[str]:
    """BERT's special tokens, every word of the toy kitchen, and letters to spell other words."""
    words = set(WORDS.split()) | set(IDLE.split())
    for action in ACTIONS.values():
        for narration in action.narrations:
            label = ego4d_label(f"#C C {narration}") or ""
            words |= {*narration.split(), *label.split(), gerund(label.split()[0])}
    letters = string.ascii_lowercase + string.digits
    spelled = [*letters, *(f"##{letter}" for letter in letters), *".,;:!?'\"()-#"]
    return [*SPECIAL, *sorted(words - set(spelled)), *spelled]


def write_vocabulary(folder: Path) -> int:
    """Write `vocab.txt`; returns the number of tokens."""
    tokens = vocabulary()
    write_text(folder / "vocab.txt", "\n".join(tokens) + "\n")
    return len(tokens)
