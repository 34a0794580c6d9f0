"""The toy kitchen's stand-in for a language model: it turns a label and boxes into a sentence.

Like the model that it replaces, it sees nothing else. It needs no internet and no weights.
"""

import json
import re
from collections.abc import Sequence
from math import hypot

from egoactgen_bench.endpoints.chat_endpoint import ChatReply
from egoactgen_bench.endpoints.reply_costs import Usage
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.seeds import derive_seed
from egoactgen_lego.curation.asking import Message
from egoactgen_lego.curation.chat import Chat

Edges = tuple[float, ...]

# A pattern of labels, and phrases for how the action is done; {} is replaced by the place.
PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        r"(open|pull).*drawer|slide.*drawer open",
        ("pulls out the drawer {}", "draws the drawer {} open by its grip"),
    ),
    (
        r"(close|push|shut).*drawer|slide.*drawer shut",
        ("pushes the drawer {} shut", "slides the drawer {} back in"),
    ),
    (
        r"(turn on|open).*tap|(turn on|switch on).*faucet|run.*water",
        ("turns on the tap {}", "lifts the lever of the tap {}"),
    ),
    (
        r"(turn off|close).*tap|(turn off|switch off).*faucet|stop.*water",
        ("turns off the tap {}", "lowers the lever of the tap {}"),
    ),
    (
        r"(put|place|set).*(pan|skillet)",
        ("sets the pan down on the hob {}", "lowers the pan onto the hob {}"),
    ),
    (
        r"(put|place|drop|set|leave|release|return|lay|position|deposit)",
        ("sets the {thing} down {}", "lowers the {thing} to a place {}"),
    ),
    (
        r"(take|pick|grab|get|lift|grasp|collect|fetch|seize|obtain|retrieve|remove)",
        ("lifts the {thing} {}", "grasps the {thing} {} and raises it"),
    ),
    (
        r"(cut|slice|chop|dice|halve)",
        ("holds the onion {} and cuts it", "steadies the onion {} for the knife"),
    ),
    (r"(pour|fill|tip)", ("pours water into the mug {}", "tilts the jug over the mug {}")),
    (
        r"(wash|rinse|clean|scrub)",
        ("holds the plate under the tap {}", "rinses the plate at the tap {}"),
    ),
)
PLACES = ("at the far left", "on the left", "in the middle", "on the right", "at the far right")
OPENINGS = (
    "With the {hand} hand the person {way}.",
    "The person uses the {hand} hand and {way}.",
    "The person's {hand} hand reaches out and {way}.",
)


class Templates(Chat):
    """Answers with sentence templates; the same conversation always gets the same answer."""

    name = "templates"

    def ask(self, messages: Sequence[Message], draw: int | str = 0) -> ChatReply:
        """The description for the label and the boxes of the last message.

        Raises `SampleError` for an action that the toy kitchen does not have, and if the box of a
        hand or of the object of change is missing.
        """
        query = messages[-1]["content"]
        try:
            text = describe(query)
        except ValueError as error:
            raise SampleError("no_reply", str(error)) from None
        usage = Usage(len(query.split()), len(text.split()))
        return ChatReply(json.dumps({"description": text}), True, usage)


def describe(query: str) -> str:
    """The sentence for a query's text: the hand that moves most, and where the thing is."""
    action = query.partition("\n")[0].removeprefix("Action: ")
    phrases = next((phrases for pattern, phrases in PHRASES if re.match(pattern, action)), None)
    if phrases is None:
        raise ValueError(f"no template for '{action}'")
    before, during = (_boxes(part) for part in query.partition("During:")[::2])
    moved = {
        hand: hypot(*(a - b for a, b in zip(before[hand], during[hand], strict=True)))
        for hand in ("left hand", "right hand")
        if hand in before and hand in during
    }
    things = [name for name in during if not name.endswith(" hand")]
    if not moved or not things:
        raise ValueError("the box of a hand or of the object is missing")
    left, _, right, _ = during[things[0]]
    place = PLACES[min(int((left + right) / 2 * len(PLACES)), len(PLACES) - 1)]
    draw = derive_seed(0, query)
    way = phrases[draw % len(phrases)].format(place, thing=things[0])
    opening = OPENINGS[draw // len(phrases) % len(OPENINGS)]
    return opening.format(hand=max(moved, key=lambda hand: moved[hand]).split()[0], way=way)


def _boxes(text: str) -> dict[str, Edges]:
    """Name → edges of the boxes in the lines of a query."""
    found = re.findall(r"^- (.+): \[([\d., ]+)\]$", text, re.MULTILINE)
    return {name: tuple(map(float, edges.split(","))) for name, edges in found}
