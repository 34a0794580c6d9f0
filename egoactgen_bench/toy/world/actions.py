"""The possible actions in a scene, and the positions of hands and items during each.

An action has two phases: in `reach` (0 … 1) the hand moves to its goal, in `done` (0 … 1) the
change happens. A moment is a function of the scene before the action, the plan and the two phases.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from egoactgen_bench.toy.world.furniture import COUNTER_END, DRAWER_SLIDE, spout_end, tap_lever
from egoactgen_bench.toy.world.hands import HandPose, fingertip_at
from egoactgen_bench.toy.world.moments import (
    ActionPlan,
    Moment,
    at_rest,
    carried,
    carry_turn,
    grip,
    mix,
)
from egoactgen_bench.toy.world.scene import CARRY, REST, Hand, Point, Scene, drawer_centre

Options = Callable[[Scene, Random], list[ActionPlan]]
Motion = Callable[[Scene, ActionPlan, float, float], Moment]


@dataclass(frozen=True, slots=True)
class Action:
    """A kind of action: EPIC-style verb and noun, and the narrators' wordings (third person)."""

    verb: str
    noun: str
    narrations: tuple[str, ...]
    options: Options
    motion: Motion


# --- drawers -------------------------------------------------------------------------------------


def _handle(scene: Scene, drawer: int, slide: float) -> Point:
    return (drawer_centre(scene.kitchen, drawer), COUNTER_END + 10.2 + DRAWER_SLIDE * slide)


def _drawers_to_open(scene: Scene, _: Random) -> list[ActionPlan]:
    if scene.open_drawer is not None:
        return []
    return [
        ActionPlan(hand, _handle(scene, drawer, 0.0), drawer)
        for drawer in range(scene.kitchen.drawers)
        for hand in scene.free_hands()
    ]


def _open_drawer(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    poses = at_rest(scene).poses
    hand = mix(REST[plan.hand], _handle(scene, plan.target, done), reach)
    moved = at_rest(scene).scene
    if done > 0:
        moved = replace(moved, open_drawer=plan.target, drawer_slide=done)
    curl = 0.15 + 0.25 * reach + 0.5 * done
    return Moment(moved, {**poses, plan.hand: HandPose(hand, curl)})


def _drawer_to_close(scene: Scene, _: Random) -> list[ActionPlan]:
    if scene.open_drawer is None:
        return []
    goal = _handle(scene, scene.open_drawer, 1.0)
    return [ActionPlan(hand, goal, scene.open_drawer) for hand in scene.free_hands()]


def _close_drawer(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    hand = mix(REST[plan.hand], _handle(scene, plan.target, 1.0 - done), reach)
    still_open = plan.target if done < 1 else None
    moved = replace(idle.scene, open_drawer=still_open, drawer_slide=1.0 - done)
    return Moment(moved, {**idle.poses, plan.hand: HandPose(hand)})


# --- take and put down ---------------------------------------------------------------------------


def _takes(kind: str) -> Options:
    def options(scene: Scene, _: Random) -> list[ActionPlan]:
        plans = []
        for index in scene.standing(kind):
            item = scene.items[index]
            for hand in scene.free_hands():
                if kind in ("jug", "pan") and (hand == "left") != item.mirrored:
                    continue
                offset = grip(item, hand)
                goal = (item.place[0] + offset[0], item.place[1] + offset[1])
                plans.append(ActionPlan(hand, goal, index))
        return plans

    return options


def _take(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    item, lift, drift = (
        scene.items[plan.target],
        13.0 * done,
        mix((0, 0), (0.22 * (50 - plan.goal[0]), -1.5), done),
    )
    hand = mix(REST[plan.hand], plan.goal, reach)
    hand = (hand[0] + drift[0], hand[1] + drift[1] - lift)
    # The item rotates about the hand while it is lifted.
    turn = item.turn + (carry_turn(item) - item.turn) * done
    lifted = replace(item, turn=turn if item.kind == "knife" else item.turn, lift=lift)
    offset = grip(lifted, plan.hand)
    place = (hand[0] - offset[0], hand[1] - offset[1]) if done > 0 else item.place
    moved = idle.scene.with_item(plan.target, place=place, lift=lift, turn=lifted.turn)
    curl = 0.15 + 0.3 * reach + 0.55 * min(1.0, 4 * done)
    return Moment(moved, {**idle.poses, plan.hand: HandPose(hand, curl)})


def _puts(kind: str) -> Options:
    def options(scene: Scene, random: Random) -> list[ActionPlan]:
        item = scene.held_item()
        if scene.held is None or item is None or item.kind != kind:
            return []
        hand, index = scene.held
        others = [other.place[0] for i, other in enumerate(scene.items) if i != index]
        free = [x for x in range(14, 87, 4) if all(abs(x - other) > 13.5 for other in others)] or [
            50
        ]
        return [
            ActionPlan(hand, (0.0, 0.0), index, (x + random.uniform(-2, 2), random.uniform(59, 64)))
            for x in free
        ]

    return options


def _put(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    item = scene.items[plan.target]
    lift = 7.0 * (1 - done)
    offset = grip(replace(item, turn=0.0, lift=7.0), plan.hand)
    above = (plan.place[0] + offset[0], plan.place[1] + offset[1])
    at = mix(CARRY[plan.hand], above, reach)
    turn = carry_turn(item) * (1 - reach)
    moment = carried(
        idle.scene, idle.poses, plan.hand, plan.target, (at[0], at[1] + 7 - lift), turn, lift
    )
    # Once the item is down, the hand opens and moves back a little.
    away = mix((0, 0), (2.5 if plan.hand == "right" else -2.5, 5.0), max(0.0, 2 * done - 1))
    pose = moment.poses[plan.hand]
    freed = replace(
        pose,
        at=(pose.at[0] + away[0], pose.at[1] + away[1]),
        curl=1 - 0.85 * max(0.0, 2 * done - 1),
    )
    return Moment(moment.scene, {**moment.poses, plan.hand: freed})


def _pan_to_hob(scene: Scene, random: Random) -> list[ActionPlan]:
    x, y = scene.kitchen.hob
    return [replace(plan, place=(x, y + 0.5)) for plan in _puts("pan")(scene, random)[:1]]


def _put_pan_on_hob(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    moment = _put(scene, plan, reach, min(done, 0.7))
    return Moment(replace(moment.scene, lit=scene.lit or done > 0.6), moment.poses)


# --- tap -----------------------------------------------------------------------------------------


def _tap(open_now: bool) -> Options:
    def options(scene: Scene, _: Random) -> list[ActionPlan]:
        if (scene.tap > 0.5) != open_now:
            return []
        near: Hand = "left" if scene.kitchen.sink[0] < 50 else "right"
        lever = tap_lever(scene.kitchen.sink)
        return [
            ActionPlan(hand, fingertip_at(hand, lever))
            for hand in scene.free_hands()
            if hand == near
        ]

    return options


def _turn_tap(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    opened = done if scene.tap < 0.5 else 1 - done
    goal = (plan.goal[0], plan.goal[1] - 3.0 * opened)
    pose = HandPose(mix(REST[plan.hand], goal, reach), curl=0.15 * (1 + reach), point=reach)
    return Moment(replace(idle.scene, tap=opened), {**idle.poses, plan.hand: pose})


# --- with an item in hand ------------------------------------------------------------------------


def _cuts(scene: Scene, _: Random) -> list[ActionPlan]:
    item = scene.held_item()
    if scene.held is None or item is None or item.kind != "knife":
        return []
    hand, index = scene.held
    x, y = scene.kitchen.board
    side = 1 if hand == "right" else -1
    return [ActionPlan(hand, (x + side * 13.0, y + 7.0), index)]


def _cut(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    side = 1 if plan.hand == "right" else -1
    at = mix(CARRY[plan.hand], plan.goal, reach)
    turn = -side * (62.0 + 88.0 * reach)
    moment = carried(
        idle.scene,
        idle.poses,
        plan.hand,
        plan.target,
        (at[0], at[1] - 2 * reach + 2 * done),
        turn,
        7.0 - 4.0 * reach,
    )
    other: Hand = "left" if plan.hand == "right" else "right"
    x, y = scene.kitchen.board
    holding = HandPose(mix(REST[other], (x - side * 11.0, y + 5.0), reach), curl=0.15 + 0.4 * reach)
    return Moment(replace(moment.scene, onion_cut=done), {**moment.poses, other: holding})


def _pours(scene: Scene, _: Random) -> list[ActionPlan]:
    item = scene.held_item()
    if scene.held is None or item is None or item.kind != "jug":
        return []
    hand, index = scene.held
    side = 1 if hand == "right" else -1
    plans = []
    for mug in scene.standing("mug"):
        x, y = scene.items[mug].place
        plans.append(ActionPlan(hand, (x + side * 17.0, y - 19.0), index, (x, y - 9.5)))
    return plans


def _pour(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    side = 1 if plan.hand == "right" else -1
    at = mix(CARRY[plan.hand], plan.goal, reach)
    turn = -side * 58.0 * done
    moment = carried(idle.scene, idle.poses, plan.hand, plan.target, at, turn)
    if done < 0.5:
        return moment
    jug = moment.scene.items[plan.target]
    angle = math.radians(turn)
    lip = (-5.9 * side, -14.2)
    scale = 1 + 0.012 * jug.lift
    spout = (
        jug.place[0] + scale * (lip[0] * math.cos(angle) - lip[1] * math.sin(angle)),
        jug.place[1] - jug.lift + scale * (lip[0] * math.sin(angle) + lip[1] * math.cos(angle)),
    )
    return Moment(replace(moment.scene, stream=(spout, plan.place)), moment.poses)


def _washes(scene: Scene, _: Random) -> list[ActionPlan]:
    item = scene.held_item()
    if scene.held is None or item is None or item.kind != "plate" or scene.tap < 0.5:
        return []
    hand, index = scene.held
    x, y = spout_end(scene.kitchen.sink)
    side = 1 if hand == "right" else -1
    return [ActionPlan(hand, (x + side * 8.0, y + 9.5), index)]


def _wash(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    side = 1 if plan.hand == "right" else -1
    at = mix(CARRY[plan.hand], plan.goal, reach)
    moment = carried(
        idle.scene,
        idle.poses,
        plan.hand,
        plan.target,
        at,
        turn=side * 14.0 * done,
        lift=7.0 - 5.0 * reach,
    )
    return Moment(replace(moment.scene, splash=done), moment.poses)


def _taking(noun: str, *more: str) -> Action:
    narrations = (f"takes a {noun}", f"picks up the {noun}", f"takes the {noun}", *more)
    return Action("take", noun, narrations, _takes(noun), _take)


def _putting(noun: str) -> Action:
    narrations = (f"puts down the {noun}", f"places the {noun} on the counter", f"drops the {noun}")
    return Action("put-down", noun, narrations, _puts(noun), _put)


ACTIONS: dict[str, Action] = {
    "open drawer": Action(
        "open",
        "drawer",
        ("opens the drawer", "pulls a drawer open"),
        _drawers_to_open,
        _open_drawer,
    ),
    "close drawer": Action(
        "close",
        "drawer",
        ("closes the drawer", "pushes the drawer"),
        _drawer_to_close,
        _close_drawer,
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
        "put", "pan", ("puts the pan on the hob", "places the pan"), _pan_to_hob, _put_pan_on_hob
    ),
    "turn on tap": Action(
        "turn-on", "tap", ("turns on the tap", "opens the tap"), _tap(open_now=False), _turn_tap
    ),
    "turn off tap": Action(
        "turn-off", "tap", ("turns off the tap", "closes the tap"), _tap(open_now=True), _turn_tap
    ),
    "cut onion": Action("cut", "onion", ("cuts the onion", "slices an onion"), _cuts, _cut),
    "pour water": Action(
        "pour", "water", ("pours water into the mug", "pours water"), _pours, _pour
    ),
    "wash plate": Action("wash", "plate", ("washes the plate", "rinses a plate"), _washes, _wash),
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
