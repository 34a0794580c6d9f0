"""One moment of an action: where hands and things are, and what a hand does to a thing it holds."""

import math
from dataclasses import dataclass, replace

from egoactgen_bench.toy.world.hands import HandPose
from egoactgen_bench.toy.world.scene import CARRY, HANDS, REST, Hand, Item, Point, Scene


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to do an action: with which hand, to which thing or place."""

    hand: Hand
    goal: Point  # where the grip point of the hand goes
    target: int = -1  # item or drawer
    place: Point = (0.0, 0.0)  # where a thing is put or poured


@dataclass(frozen=True, slots=True)
class Moment:
    scene: Scene
    poses: dict[Hand, HandPose]


def mix(a: Point, b: Point, t: float) -> Point:
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)


def grip(item: Item, hand: Hand) -> Point:
    """The grip point of a thing relative to where it stands."""
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
    """Both hands idle, one of them perhaps holding a thing."""
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
    """The thing hangs from the hand at `at`."""
    angle = carry_turn(scene.items[index]) if turn is None else turn
    item = replace(scene.items[index], turn=angle, lift=lift)
    offset = grip(item, hand)
    scene = scene.with_item(
        index, turn=angle, lift=lift, place=(at[0] - offset[0], at[1] - offset[1])
    )
    return Moment(scene, {**poses, hand: HandPose(at, curl=1.0)})


def carry_turn(item: Item) -> float:
    """The angle at which a hand carries the thing."""
    if item.kind != "knife":
        return 0.0
    return 62.0 if item.mirrored else -62.0
