"""Pairs of toy-kitchen frames with their optical flow, derived from the world's geometry.

Every part of a frame moves by an affine map: furniture with the camera, and drawer, items and arms
with their own poses as well. What an affine map does not describe (fingers that close, running
water) is given the motion of the part behind or beneath it.
"""

import io
import math
import re
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.toy.world.furniture import COUNTER_END, DRAWER_SLIDE
from egoactgen_bench.toy.world.hands import ELBOW, PALM, HandPose, draw_arm
from egoactgen_bench.toy.world.moments import Moment
from egoactgen_bench.toy.world.motion import LENGTH, PNR, Clip
from egoactgen_bench.toy.world.rendering import Camera, render
from egoactgen_bench.toy.world.scene import HANDS, Hand, Item, Scene, drawer_centre
from egoactgen_bench.toy.world.shapes import draw_item

SIZE = 128  # pixels per side
Affine = NDArray[np.float64]  # (3, 3), in hundredths of the frame's side

_SHADOW = re.compile(r'<ellipse cx="[^"]*" cy="[^"]*" rx="[^"]*" ry="[^"]*" fill-opacity="[^"]*"/>')
_COLOUR = re.compile(r"#[0-9a-f]{6}|#[0-9a-f]{3}")
_LEVELS = 16  # distance of the grey levels of two parts in a map of parts


@dataclass(frozen=True)
class FlowPairs:
    """n pairs of frames: (n, 2, 128, 128, 3) uint8 RGB, and how the parts of the first one move.

    `parts` (n, 128, 128) uint8 is the part that each pixel shows, `motions` (n, parts, 2, 3)
    float32 the affine map of each part, from the first frame to the second, in pixels.
    """

    frames: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    motions: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.frames)

    def flow(self, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """(k, 2, 128, 128) the displacements x, y in pixels of k pairs."""
        pixels = _pixel_centres()
        maps = np.take_along_axis(
            self.motions[chosen].reshape(len(chosen), -1, 6),
            self.parts[chosen].reshape(len(chosen), -1, 1).astype(np.int64),
            axis=1,
        ).reshape(len(chosen), SIZE, SIZE, 2, 3)
        moved = np.einsum("khwij,hwj->kihw", maps, pixels)
        displaced: NDArray[np.float32] = moved - pixels[..., :2].transpose(2, 0, 1)
        return displaced


def true_pairs(clips: list[Clip]) -> FlowPairs:
    """The input and the target frame of each clip."""
    return _pairs(
        [(clip, clip.pre15, PNR, clip.camera(clip.pre15), clip.camera(PNR)) for clip in clips]
    )


def varied_pairs(clips: list[Clip], seed: int) -> FlowPairs:
    """Two frames of each clip at random times, half of them through other cameras."""
    return _pairs([_varied(clip, Random(f"{seed} {number}")) for number, clip in enumerate(clips)])


_View = tuple[Clip, int, int, Camera, Camera]


def _varied(clip: Clip, random: Random) -> _View:
    first, second = clip.pre15, PNR
    if random.random() < 0.5:
        first, second = random.randrange(LENGTH), random.randrange(LENGTH)
    if random.random() < 0.1:
        second = first
    cameras = clip.camera(first), clip.camera(second)
    if random.random() < 0.5:
        cameras = (
            _moved(cameras[0], random, 4),
            _moved(cameras[1], random, random.choice((1, 4, 10))),
        )
    return clip, first, second, *cameras


def _moved(camera: Camera, random: Random, by: float) -> Camera:
    """A camera shifted by up to `by` hundredths of the frame's side, rolled and zoomed."""
    return Camera(
        camera.x + random.uniform(-by, by),
        camera.y + random.uniform(-by, by),
        camera.roll + random.uniform(-by, by),
        camera.zoom * (1 + 0.01 * random.uniform(-by, by)),
    )


def _pairs(views: list[_View]) -> FlowPairs:
    frames, parts, motions = [], [], []
    for clip, first, second, *cameras in views:
        moments = clip.moment(first), clip.moment(second)
        rendered = (render(m, c, SIZE) for m, c in zip(moments, cameras, strict=True))
        frames.append(np.stack([np.asarray(frame) for frame in rendered]))
        parts.append(_map_of_parts(moments[0], cameras[0], _drawer(*moments)))
        motions.append(_motions(moments, (cameras[0], cameras[1])))
    return FlowPairs(np.stack(frames), np.stack(parts), np.stack(motions))


# Part 0 is the furniture, 1 the drawer that moves, 2 and 3 the arms; the items follow.
_DRAWER, _ARMS, _ITEMS = 1, {hand: 2 + number for number, hand in enumerate(HANDS)}, 4
_MOST_PARTS = 10


def _motions(moments: tuple[Moment, Moment], cameras: tuple[Camera, Camera]) -> NDArray[np.float32]:
    """(10, 2, 3) float32: the affine map of each part in pixels."""
    drawer = _drawer(*moments)
    poses = [_poses(moment, drawer) for moment in moments]
    before, after = (_camera_map(camera) for camera in cameras)
    scale = np.diag([SIZE / 100, SIZE / 100, 1.0])
    found = np.tile(np.eye(3)[:2], (_MOST_PARTS, 1, 1))
    for part in poses[0]:
        moved = after @ poses[1][part] @ np.linalg.inv(poses[0][part]) @ np.linalg.inv(before)
        found[part] = (scale @ moved @ np.linalg.inv(scale))[:2]
    return found.astype(np.float32)


def _drawer(first: Moment, second: Moment) -> int | None:
    """The index of the drawer that is open in one of two moments."""
    opened = first.scene.open_drawer
    return second.scene.open_drawer if opened is None else opened


def _slide(scene: Scene, drawer: int | None) -> float:
    return DRAWER_SLIDE * scene.drawer_slide if scene.open_drawer == drawer is not None else 0.0


def _poses(moment: Moment, drawer: int | None) -> dict[int, Affine]:
    """The pose of each part in the world."""
    scene = moment.scene
    return {
        0: np.eye(3),
        _DRAWER: _shift(0, _slide(scene, drawer)),
        **{_ARMS[hand]: _arm_pose(hand, moment.poses[hand]) for hand in HANDS},
        **{_ITEMS + index: _item_pose(item) for index, item in enumerate(scene.items)},
    }


def _item_pose(item: Item) -> Affine:
    scale = 1 + 0.012 * item.lift
    return _shift(item.place[0], item.place[1] - item.lift) @ _turn(item.turn) @ _scaled(scale)


def _arm_pose(hand: Hand, pose: HandPose) -> Affine:
    elbow, (x, y) = ELBOW[hand], pose.at
    angle = math.atan2(x - elbow[0], elbow[1] - y)
    wrist = (x - PALM * math.sin(angle), y + PALM * math.cos(angle))
    return _shift(*wrist) @ _turn(math.degrees(angle))


def _camera_map(camera: Camera) -> Affine:
    """From the world to the frame, as `Camera.transform`."""
    return (
        _shift(50, 50)
        @ _turn(camera.roll)
        @ _scaled(camera.zoom)
        @ _shift(-50 - camera.x, -50 - camera.y)
    )


def _shift(x: float, y: float) -> Affine:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _scaled(by: float) -> Affine:
    return np.diag([by, by, 1.0])


def _turn(degrees: float) -> Affine:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _pixel_centres() -> NDArray[np.float32]:
    """(128, 128, 3) float32: x, y, 1 of each pixel's centre."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) + np.float32(0.5)
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def _map_of_parts(moment: Moment, camera: Camera, drawer: int | None) -> NDArray[np.uint8]:
    """(128, 128) uint8: the part that each pixel shows, drawn in the order of `rendering`."""
    import resvg_py

    scene, held = moment.scene, moment.scene.held
    drawn = []
    if drawer is not None:
        width = 100 / scene.kitchen.drawers - 3
        left, top = drawer_centre(scene.kitchen, drawer) - width / 2, COUNTER_END + 4.2
        drawn.append(
            _silhouette(
                f'<rect x="{left}" y="{top + _slide(scene, drawer)}" width="{width}" height="22"'
                ' fill="#000000"/>',
                _DRAWER,
            )
        )
    items = sorted(
        enumerate(scene.items),
        key=lambda each: each[1].place[1] + (50 if held is not None and each[0] == held[1] else 0),
    )
    drawn += [_silhouette(draw_item(item), _ITEMS + index) for index, item in items]
    skin, sleeve = scene.kitchen.skin, scene.kitchen.sleeve
    for hand in sorted(HANDS, key=lambda hand: moment.poses[hand].at[1]):
        drawn.append(_silhouette(draw_arm(hand, moment.poses[hand], skin, sleeve), _ARMS[hand]))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"'
        ' shape-rendering="crispEdges"><rect width="100" height="100" fill="#000"/>'
        f'<g transform="{camera.transform()}">{"".join(drawn)}</g></svg>'
    )
    data = resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE, skip_system_fonts=True)
    levels = np.asarray(Image.open(io.BytesIO(bytes(data))).convert("L"))
    return ((levels.astype(np.int64) + _LEVELS // 2) // _LEVELS).astype(np.uint8)


def _silhouette(svg: str, part: int) -> str:
    """A drawing without its shadow, in the grey level of a part."""
    grey = f"{part * _LEVELS:02x}" * 3
    return _COLOUR.sub(f"#{grey}", _SHADOW.sub("", svg))
