"""The rules of the world `cue=relation`: which item, place or hand an action takes.

In this world nothing has moved in the input frame, and the label leaves open which of two mugs is
taken or where the plate is put; it follows from the scene. Each rule is one sentence:

- A mug is taken from under the running tap, the one nearest to the sink; if the tap is shut, the one
  nearest to the plate.
- Water is poured into the mug nearest to the plate.
- The drawer nearest to the knife is opened.
- A mug is put down at the free place nearest to the other mug; a plate, nearest to the sink if the
  tap runs, else to the hob; a knife, nearest to the board; a jug or pan, nearest to the plate.
- Of two free hands, the one on the side of the goal acts.
"""

from collections.abc import Callable, Sequence

from egoactgen_bench.toy.world.moments import ActionPlan, at_rest
from egoactgen_bench.toy.world.scene import Point, Scene

Anchor = Callable[[Scene], float]  # x of what the rule refers to


def related_plan(scene: Scene, action: str, plans: Sequence[ActionPlan]) -> ActionPlan:
    """The plan of an action that follows from the scene, out of its possible plans."""
    anchor = _anchor(action)
    if anchor is None:
        near = list(plans)
    else:
        x = anchor(scene)
        away = [abs(_goal(scene, action, plan)[0] - x) for plan in plans]
        near = [plan for plan, each in zip(plans, away, strict=True) if each == min(away)]
    return next((plan for plan in near if _on_its_side(scene, action, plan)), near[0])


def is_open(scene: Scene, action: str, plans: Sequence[ActionPlan]) -> bool:
    """Whether the label allows several goals, so that only the scene tells which one is meant."""
    return len({_goal(scene, action, plan) for plan in plans}) > 1


def _anchor(action: str) -> Anchor | None:
    return {
        "take mug": lambda scene: scene.kitchen.sink[0] if scene.tap > 0.5 else _x(scene, "plate"),
        "pour water": lambda scene: _x(scene, "plate"),
        "open drawer": lambda scene: _x(scene, "knife"),
        "put down mug": lambda scene: _x(scene, "mug"),
        "put down plate": lambda scene: (
            scene.kitchen.sink[0] if scene.tap > 0.5 else scene.kitchen.hob[0]
        ),
        "put down knife": lambda scene: scene.kitchen.board[0],
        "put down jug": lambda scene: _x(scene, "plate"),
    }.get(action)


def _x(scene: Scene, kind: str) -> float:
    """x of the item of a kind: of one that stands, else of the one in hand."""
    items = at_rest(scene).scene.items
    standing = scene.standing(kind)
    index = (
        standing[0] if standing else next(i for i, each in enumerate(items) if each.kind == kind)
    )
    return items[index].place[0]


def _goal(scene: Scene, action: str, plan: ActionPlan) -> Point:
    """Where the change happens: the same for plans that differ in the hand alone."""
    if plan.place != (0.0, 0.0):
        return plan.place
    return scene.items[plan.target].place if action.startswith("take") else plan.goal


def _on_its_side(scene: Scene, action: str, plan: ActionPlan) -> bool:
    return (plan.hand == "left") == (_goal(scene, action, plan)[0] < 50)
