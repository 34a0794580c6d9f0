"""The possible actions in a scene, and the positions of hands and items during each."""

from dataclasses import dataclass
from random import Random

from egoactgen_bench.toy.world.carrying_actions import (
    pan_to_hob,
    put,
    put_pan_on_hob,
    puts,
    take,
    takes,
)
from egoactgen_bench.toy.world.furniture_actions import (
    close_a_drawer,
    drawer_to_close,
    drawers_to_open,
    open_a_drawer,
    tap_turns,
    turn_tap,
)
from egoactgen_bench.toy.world.held_item_actions import cut, cuts, pour, pours, wash, washes
from egoactgen_bench.toy.world.moments import ActionPlan, Motion, Options
from egoactgen_bench.toy.world.scene import Scene


@dataclass(frozen=True, slots=True)
class Action:
    """A kind of action: EPIC-style verb and noun, and the narrators' wordings (third person)."""

    verb: str
    noun: str
    narrations: tuple[str, ...]
    options: Options
    motion: Motion


def _taking(noun: str, *more: str) -> Action:
    narrations = (f"takes a {noun}", f"picks up the {noun}", f"takes the {noun}", *more)
    return Action("take", noun, narrations, takes(noun), take)


def _putting(noun: str) -> Action:
    narrations = (f"puts down the {noun}", f"places the {noun} on the counter", f"drops the {noun}")
    return Action("put-down", noun, narrations, puts(noun), put)


ACTIONS: dict[str, Action] = {
    "open drawer": Action(
        "open",
        "drawer",
        ("opens the drawer", "pulls a drawer open"),
        drawers_to_open,
        open_a_drawer,
    ),
    "close drawer": Action(
        "close",
        "drawer",
        ("closes the drawer", "pushes the drawer"),
        drawer_to_close,
        close_a_drawer,
    ),
    "take mug": _taking("mug", "picks a mug"),
    "take plate": _taking("plate"),
    "take knife": _taking("knife"),
    "take jug": _taking("jug"),
    "take pan": _taking("pan"),
    "put down mug": _putting("mug"),
    "put down plate": _putting("plate"),
    "put down knife": _putting("knife"),
    "put down jug": _putting("jug"),
    "put pan on hob": Action(
        "put", "pan", ("puts the pan on the hob", "places the pan"), pan_to_hob, put_pan_on_hob
    ),
    "turn on tap": Action(
        "turn-on", "tap", ("turns on the tap", "opens the tap"), tap_turns(open_now=False), turn_tap
    ),
    "turn off tap": Action(
        "turn-off",
        "tap",
        ("turns off the tap", "closes the tap"),
        tap_turns(open_now=True),
        turn_tap,
    ),
    "cut onion": Action("cut", "onion", ("cuts the onion", "slices an onion"), cuts, cut),
    "pour water": Action("pour", "water", ("pours water into the mug", "pours water"), pours, pour),
    "wash plate": Action("wash", "plate", ("washes the plate", "rinses a plate"), washes, wash),
}

# Actions with an item in hand, which are sampled more often.
WITH_HELD_ITEM = frozenset(
    name
    for name in ACTIONS
    if name.startswith("put") or name in ("cut onion", "pour water", "wash plate")
)


def possible(scene: Scene, random: Random) -> dict[str, list[ActionPlan]]:
    """All actions that are possible in the scene, each with all its plans."""
    found = {name: action.options(scene, random) for name, action in ACTIONS.items()}
    return {name: plans for name, plans in found.items() if plans}
