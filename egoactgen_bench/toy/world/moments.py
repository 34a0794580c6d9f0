"""One moment of an action: positions of hands and items, and how a hand carries an item."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from egoactgen_bench.toy.world.hands import HandPose
from egoactgen_bench.toy.world.scene import CARRY, HANDS, REST, Hand, Item, Point, Scene


@dataclass(frozen=True, slots=True)
class ActionPlan:
    """One way to do an action: with which hand, and on which item, drawer or place."""

    hand: Hand
    goal: Point  # the final position of the hand's grip point
    target: int = -1  # index of the item or drawer
    place: Point = (0.0, 0.0)  # where an item is put down or water is poured


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of the world at one time: the scene, and the poses of both hands."""

    scene: Scene
    poses: dict[Hand, HandPose]


# The plans of an action that are possible in a scene.
Options: TypeAlias = Callable[[Scene, Random], list[ActionPlan]]
# A moment of an action, from the scene before it, the plan and two phases: in `reach` (0 … 1) the
# hand moves to its goal, in `done` (0 … 1) the change happens.
Motion: TypeAlias = Callable[[Scene, ActionPlan, float, float], Moment]


def mix(a: Point, b: Point, t: float) -> Point:
    """Linear interpolation from `a` (t = 0) to `b` (t = 1)."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)


def grip(item: Item, hand: Hand) -> Point:
    """The grip point of an item relative to its place."""
    side = -1 if item.mirrored else 1
    x, y = {
        "mug": (0.0, -4.5),
        "plate": (-7.5 if hand == "left" else 7.5, 1.5),
        "knife": (-5.5 * side, 0.0),
        "jug": (6.4 * side, -8.0),
        "pan": (14.0 * side, 4.4),
    }[item.kind]
    angle = math.radians(item.turn)
    return (
        x * math.cos(angle) - y * math.sin(angle),
        x * math.sin(angle) + y * math.cos(angle) - item.lift,
    )


def at_rest(scene: Scene) -> Moment:
    """Both hands idle; one of them may hold an item."""
    poses = {hand: HandPose(REST[hand]) for hand in HANDS}
    if scene.held is None:
        return Moment(scene, poses)
    hand, index = scene.held
    return carried(scene, poses, hand, index, CARRY[hand])


def carried(
    scene: Scene,
    poses: dict[Hand, HandPose],
    hand: Hand,
    index: int,
    at: Point,
    turn: float | None = None,
    lift: float = 7.0,
) -> Moment:
    """The moment in which `hand` holds the item at the point `at`."""
    angle = carry_turn(scene.items[index]) if turn is None else turn
    item = replace(scene.items[index], turn=angle, lift=lift)
    offset = grip(item, hand)
    scene = scene.with_item(
        index, turn=angle, lift=lift, place=(at[0] - offset[0], at[1] - offset[1])
    )
    return Moment(scene, {**poses, hand: HandPose(at, curl=1.0)})


def carry_turn(item: Item) -> float:
    """The item's rotation in degrees while it is carried."""
    if item.kind != "knife":
        return 0.0
    return 62.0 if item.mirrored else -62.0
