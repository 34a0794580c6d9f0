"""Taking items and putting them down: which are possible in a scene, and their motion."""

from dataclasses import replace
from random import Random

from egoactgen_bench.toy.world.hands import HandPose
from egoactgen_bench.toy.world.moments import (
    ActionPlan,
    Moment,
    Options,
    at_rest,
    carried,
    carry_turn,
    grip,
    mix,
)
from egoactgen_bench.toy.world.scene import CARRY, REST, Scene


def takes(kind: str) -> Options:
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


def take(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
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


def puts(kind: str) -> Options:
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


def put(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
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


def pan_to_hob(scene: Scene, random: Random) -> list[ActionPlan]:
    x, y = scene.kitchen.hob
    return [replace(plan, place=(x, y + 0.5)) for plan in puts("pan")(scene, random)[:1]]


def put_pan_on_hob(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    moment = put(scene, plan, reach, min(done, 0.7))
    return Moment(replace(moment.scene, lit=scene.lit or done > 0.6), moment.poses)
