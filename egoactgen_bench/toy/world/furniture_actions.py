"""Actions on drawers and the tap: which are possible in a scene, and their motion."""

from dataclasses import replace
from random import Random

from egoactgen_bench.toy.world.furniture import COUNTER_END, DRAWER_SLIDE, tap_lever
from egoactgen_bench.toy.world.hands import HandPose, fingertip_at
from egoactgen_bench.toy.world.moments import ActionPlan, Moment, Options, at_rest, mix
from egoactgen_bench.toy.world.scene import REST, Hand, Point, Scene, drawer_centre


def _handle(scene: Scene, drawer: int, slide: float) -> Point:
    return (drawer_centre(scene.kitchen, drawer), COUNTER_END + 10.2 + DRAWER_SLIDE * slide)


def drawers_to_open(scene: Scene, _: Random) -> list[ActionPlan]:
    if scene.open_drawer is not None:
        return []
    return [
        ActionPlan(hand, _handle(scene, drawer, 0.0), drawer)
        for drawer in range(scene.kitchen.drawers)
        for hand in scene.free_hands()
    ]


def open_a_drawer(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    poses = at_rest(scene).poses
    hand = mix(REST[plan.hand], _handle(scene, plan.target, done), reach)
    moved = at_rest(scene).scene
    if done > 0:
        moved = replace(moved, open_drawer=plan.target, drawer_slide=done)
    curl = 0.15 + 0.25 * reach + 0.5 * done
    return Moment(moved, {**poses, plan.hand: HandPose(hand, curl)})


def drawer_to_close(scene: Scene, _: Random) -> list[ActionPlan]:
    if scene.open_drawer is None:
        return []
    goal = _handle(scene, scene.open_drawer, 1.0)
    return [ActionPlan(hand, goal, scene.open_drawer) for hand in scene.free_hands()]


def close_a_drawer(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    hand = mix(REST[plan.hand], _handle(scene, plan.target, 1.0 - done), reach)
    still_open = plan.target if done < 1 else None
    moved = replace(idle.scene, open_drawer=still_open, drawer_slide=1.0 - done)
    return Moment(moved, {**idle.poses, plan.hand: HandPose(hand)})


def tap_turns(open_now: bool) -> Options:
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


def turn_tap(scene: Scene, plan: ActionPlan, reach: float, done: float) -> Moment:
    idle = at_rest(scene)
    opened = done if scene.tap < 0.5 else 1 - done
    goal = (plan.goal[0], plan.goal[1] - 3.0 * opened)
    pose = HandPose(mix(REST[plan.hand], goal, reach), curl=0.15 * (1 + reach), point=reach)
    return Moment(replace(idle.scene, tap=opened), {**idle.poses, plan.hand: pose})
