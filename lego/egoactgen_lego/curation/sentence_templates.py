"""The toy kitchen's stand-in for a language model: it turns a label and boxes into a sentence.

Like the model that it replaces, it sees nothing else. It needs no internet and no weights.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from math import hypot

from egoactgen_bench.endpoints.chat_endpoint import ChatReply
from egoactgen_bench.endpoints.reply_costs import Usage
from egoactgen_bench.errors import SampleError
from egoactgen_lego.curation.asking import Message
from egoactgen_lego.curation.chat import Chat

Edges = tuple[float, ...]
# How far each hand moves, and how far it then is from the object's lower edge → the hand that acts.
HandRule = Callable[[Mapping[str, float], Mapping[str, float]], str]

PLACES = ("at the far left", "on the left", "in the middle", "on the right", "at the far right")
SENTENCE = "With the {hand} hand the person {way}."


def _most_moved(moved: Mapping[str, float], _: Mapping[str, float]) -> str:
    return max(moved, key=lambda hand: moved[hand])


def _least_moved(moved: Mapping[str, float], _: Mapping[str, float]) -> str:
    return min(moved, key=lambda hand: moved[hand])


def _at_lower_edge(moved: Mapping[str, float], away: Mapping[str, float]) -> str:
    # If both are near, the one that moved more.
    return min(away, key=lambda hand: away[hand] - moved[hand])


# A pattern of labels, how the action is done ({} is replaced by the place), and which hand does it:
# mostly the one that moves most. A knife moves more than the hand that holds the onion, and a hand
# that pulls out a drawer is back near its start, at the drawer's lower edge.
PHRASES: tuple[tuple[str, str, HandRule], ...] = (
    (r"(open|pull).*drawer|slide.*drawer open", "pulls out the drawer {}", _at_lower_edge),
    (r"(close|push|shut).*drawer|slide.*drawer shut", "pushes the drawer {} shut", _most_moved),
    (
        r"(turn on|open).*tap|(turn on|switch on).*faucet|run.*water",
        "turns on the tap {}",
        _most_moved,
    ),
    (
        r"(turn off|close).*tap|(turn off|switch off).*faucet|stop.*water",
        "turns off the tap {}",
        _most_moved,
    ),
    (r"(put|place|set).*(pan|skillet)", "sets the pan down on the hob {}", _most_moved),
    (
        r"(put|place|drop|set|leave|release|return|lay|position|deposit)",
        "sets the {thing} down {}",
        _most_moved,
    ),
    (
        r"(take|pick|grab|get|lift|grasp|collect|fetch|seize|obtain|retrieve|remove)",
        "lifts the {thing} {}",
        _most_moved,
    ),
    (r"(cut|slice|chop|dice|halve)", "holds the onion {} and cuts it", _least_moved),
    (r"(pour|fill|tip)", "pours water into the mug {}", _most_moved),
    (r"(wash|rinse|clean|scrub)", "holds the plate under the tap {}", _most_moved),
)


def every_sentence(things: Iterable[str]) -> list[str]:
    """All sentences that the templates can give for these objects."""
    hands, known = ("left", "right"), sorted(set(things))
    return [
        SENTENCE.format(hand=hand, way=way.format(place, thing=thing))
        for (_, way, _), place, thing, hand in product(PHRASES, PLACES, known, hands)
    ]


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
    """The sentence for a query's text: the hand that acts, and where the thing is."""
    action = query.partition("\n")[0].removeprefix("Action: ")
    found = next(((way, rule) for pattern, way, rule in PHRASES if re.match(pattern, action)), None)
    if found is None:
        raise ValueError(f"no template for '{action}'")
    before, during = (_boxes(part) for part in query.partition("During:")[::2])
    hands: list[str] = [
        hand for hand in ("left hand", "right hand") if hand in before and hand in during
    ]
    things = [name for name in during if not name.endswith(" hand")]
    if not hands or not things:
        raise ValueError("the box of a hand or of the object is missing")
    moved = {
        hand: hypot(*(a - b for a, b in zip(before[hand], during[hand], strict=True)))
        for hand in hands
    }
    left, _, right, lower = during[things[0]]
    centre = (left + right) / 2
    away = {hand: _distance(during[hand], centre, lower) for hand in hands}
    place = PLACES[min(int(centre * len(PLACES)), len(PLACES) - 1)]
    way, rule = found
    return SENTENCE.format(
        hand=rule(moved, away).split()[0], way=way.format(place, thing=things[0])
    )


def _distance(edges: Edges, x: float, y: float) -> float:
    """The distance of a box's centre from a point."""
    left, top, right, bottom = edges
    return hypot((left + right) / 2 - x, (top + bottom) / 2 - y)


def _boxes(text: str) -> dict[str, Edges]:
    """Name → edges of the boxes in the lines of a query."""
    found = re.findall(r"^- (.+): \[([\d., ]+)\]$", text, re.MULTILINE)
    return {name: tuple(map(float, edges.split(","))) for name, edges in found}
