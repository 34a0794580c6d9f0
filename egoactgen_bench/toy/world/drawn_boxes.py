"""Boxes of hands and of the object of change, in pixels, as annotators would draw them."""

import math
from dataclasses import dataclass

from egoactgen_bench.toy.world.actions import ACTIONS
from egoactgen_bench.toy.world.furniture import COUNTER_END, DRAWER_SLIDE
from egoactgen_bench.toy.world.moments import ActionPlan, Moment
from egoactgen_bench.toy.world.rendering import Camera
from egoactgen_bench.toy.world.scene import HANDS, Point, drawer_centre
from egoactgen_bench.toy.world.shapes import EXTENT

Corners = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Box:
    """One annotated box; `corners` in pixels, clipped to the frame."""

    object_type: str  # left_hand, right_hand, object_of_change
    noun: str
    corners: Corners


def boxes(moment: Moment, plan: ActionPlan, action: str, camera: Camera, size: int) -> list[Box]:
    """The boxes of both hands and of the object of change, if they are in the frame."""
    found = [
        (f"{hand}_hand", "hand", _around(moment.poses[hand].at, 8.0, 9.0, 9.0)) for hand in HANDS
    ]
    found.append(("object_of_change", ACTIONS[action].noun, _changing(moment, plan, action)))
    pixels = [(kind, noun, _to_pixels(corners, camera, size)) for kind, noun, corners in found]
    return [Box(kind, noun, c) for kind, noun, c in pixels if c[2] - c[0] > 2 and c[3] - c[1] > 2]


def things(moment: Moment, camera: Camera, size: int) -> list[tuple[str, Corners]]:
    """Boxes of all hands and objects with their kinds; "water" is a stream from tap or jug."""
    scene = moment.scene
    kitchen = scene.kitchen
    found = [(f"{hand} hand", _around(moment.poses[hand].at, 8.0, 9.0, 9.0)) for hand in HANDS]
    found += [
        (item.kind, _around((item.place[0], item.place[1] - item.lift), *EXTENT[item.kind]))
        for item in scene.items
    ]
    found += [
        ("hob", _around(kitchen.hob, 13.0, 7.0, 7.0)),
        ("sink", _around(kitchen.sink, 12.0, 20.0, 7.0)),
        ("slices" if scene.onion_cut > 0 else "onion", _around(kitchen.board, 7.0, 7.0, 4.5)),
    ]
    if scene.open_drawer is not None:
        x, half = drawer_centre(kitchen, scene.open_drawer), 50 / kitchen.drawers - 1.5
        slid = DRAWER_SLIDE * scene.drawer_slide
        found.append(("drawer", (x - half, COUNTER_END + 3, x + half, COUNTER_END + 26 + slid)))
    if scene.tap > 0.5:
        found.append(("water", _around(kitchen.sink, 4.0, 8.0, 2.0)))
    if scene.stream is not None:
        found.append(("water", _around(scene.stream[1], 6.0, 11.0, 3.0)))
    return [(kind, _to_pixels(corners, camera, size)) for kind, corners in found]


def _changing(moment: Moment, plan: ActionPlan, action: str) -> Corners:
    scene, noun = moment.scene, ACTIONS[action].noun
    if noun == "drawer":
        out = scene.drawer_slide if scene.open_drawer == plan.target else 0.0
        x, half = drawer_centre(scene.kitchen, plan.target), 50 / scene.kitchen.drawers - 1.5
        return (x - half, COUNTER_END + 3, x + half, COUNTER_END + 26 + DRAWER_SLIDE * out)
    if noun == "tap":
        x, y = scene.kitchen.sink
        return (x - 8.0, y - 20.0, x + 8.0, y + 4.0)
    if noun == "onion":
        return _around(scene.kitchen.board, 7.0, 7.0, 4.5)
    if noun == "water":
        return _around(plan.place, 6.0, 3.0, 11.0)
    item = scene.items[plan.target]
    return _around((item.place[0], item.place[1] - item.lift), *EXTENT[item.kind])


def _around(at: Point, half: float, above: float, below: float) -> Corners:
    return (at[0] - half, at[1] - above, at[0] + half, at[1] + below)


def _to_pixels(corners: Corners, camera: Camera, size: int) -> Corners:
    left, top, right, bottom = corners
    points = [_project((x, y), camera) for x in (left, right) for y in (top, bottom)]
    xs = [_pixel(x, size) for x, _ in points]
    ys = [_pixel(y, size) for _, y in points]
    return (min(xs), min(ys), max(xs), max(ys))


def _project(point: Point, camera: Camera) -> Point:
    angle = math.radians(camera.roll)
    x, y = point[0] - 50 - camera.x, point[1] - 50 - camera.y
    return (
        50 + camera.zoom * (x * math.cos(angle) - y * math.sin(angle)),
        50 + camera.zoom * (x * math.sin(angle) + y * math.cos(angle)),
    )


def _pixel(value: float, size: int) -> float:
    return round(min(100.0, max(0.0, value)) * size / 100, 2)
