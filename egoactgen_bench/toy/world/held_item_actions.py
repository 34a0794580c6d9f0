"""Actions with an item in hand: which are possible in a scene, and their motion."""

import math
from dataclasses import replace
from random import Random

from egoactgen_bench.toy.world.furniture import spout_end
from egoactgen_bench.toy.world.hands import HandPose
from egoactgen_bench.toy.world.moments import ActionPlan, Moment, at_rest, carried, mix
from egoactgen_bench.toy.world.scene import CARRY, REST, Hand, Scene


def cuts(scene: Scene, _: Random) -> list[ActionPlan]:
    item = scene.held_item()
    if scene.held is None or item is None or item.kind != "knife":
        return []
    hand, index = scene.held
    x, y = scene.kitchen.board
    side = 1 if hand == "right" else -1
    return [ActionPlan(hand, (x + side * 13.0, y + 7.0), index)]


def cut(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
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


def pours(scene: Scene, _: Random) -> list[ActionPlan]:
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


def pour(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
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


def washes(scene: Scene, _: Random) -> list[ActionPlan]:
    item = scene.held_item()
    if scene.held is None or item is None or item.kind != "plate" or scene.tap < 0.5:
        return []
    hand, index = scene.held
    x, y = spout_end(scene.kitchen.sink)
    side = 1 if hand == "right" else -1
    return [ActionPlan(hand, (x + side * 8.0, y + 9.5), index)]


def wash(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
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
