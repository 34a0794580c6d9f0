"""Rendering of a moment through a moving camera, as SVG and as pixels."""

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.toy.world.furniture import (
    draw_drawers,
    draw_hob,
    draw_room,
    draw_sink,
    draw_tap,
)
from egoactgen_bench.toy.world.hands import draw_arm, draw_person
from egoactgen_bench.toy.world.moments import Moment
from egoactgen_bench.toy.world.scene import HANDS, Kitchen, Scene
from egoactgen_bench.toy.world.shapes import draw_board, draw_item, draw_onion

# A gradient takes as long to render as thirty plain shapes, so only the hob's glow uses one.
_DEFINITIONS = (
    '<radialGradient id="glow"><stop offset="0" stop-color="#ff7a45" stop-opacity=".75"/>'
    '<stop offset="1" stop-color="#ff3a1d" stop-opacity="0"/></radialGradient>'
)


@dataclass(frozen=True, slots=True)
class Camera:
    """The camera: shift in hundredths of the frame's side, roll in degrees, zoom.

    It is on the person's head or, `outside`, behind the person, whom it then sees.
    """

    x: float = 0.0
    y: float = 0.0
    roll: float = 0.0
    zoom: float = 1.08
    outside: bool = False

    def transform(self) -> str:
        return (
            f"translate(50,50) rotate({self.roll:.3f}) scale({self.zoom:.4f})"
            f" translate({-50 - self.x:.3f},{-50 - self.y:.3f})"
        )


def draw(moment: Moment, camera: Camera) -> str:
    """The moment as an SVG document of 100 × 100 units."""
    scene, kitchen = moment.scene, moment.scene.kitchen
    arms = "".join(
        draw_arm(hand, moment.poses[hand], kitchen.skin, kitchen.sleeve)
        for hand in sorted(HANDS, key=lambda hand: moment.poses[hand].at[1])
    )
    world = draw_room(kitchen) + draw_drawers(scene) + _things(scene) + arms
    world += draw_person(kitchen) if camera.outside else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><defs>{_DEFINITIONS}</defs>'
        f'<g transform="{camera.transform()}">{world}</g></svg>'
    )


def render(moment: Moment, camera: Camera, size: int) -> Image.Image:
    """The moment as an RGB image of `size` × `size` pixels, lit by the kitchen's lamp."""
    import resvg_py

    svg = draw(moment, camera)
    data = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    pixels = np.asarray(Image.open(io.BytesIO(bytes(data))))[..., :3]
    lit = pixels * _light(moment.scene.kitchen, size)
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


@lru_cache(maxsize=8)
def _light(kitchen: Kitchen, size: int) -> NDArray[np.float32]:
    """(size, size, 3) gains: bright near the lamp, darker towards the corners, warm or cool."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) * np.float32(100 / size)
    away = np.clip(np.hypot(x - kitchen.light_from, y - 18) / 105, 0, 1)
    # Not NumPy's power, whose last bit depends on the processor's instruction set: computed in
    # float64 and rounded, it is the same float32 everywhere. The exponent is float32, too.
    exponent = float(np.float32(1.6))
    falloff = np.array([value**exponent for value in away.ravel().tolist()], dtype=np.float32)
    gain = kitchen.brightness * (1.12 - 0.5 * falloff.reshape(away.shape))
    warm = 0.06 * kitchen.warmth
    tint = np.array([1 + warm, 1 + 0.2 * abs(warm), 1 - warm], dtype=np.float32)
    gains: NDArray[np.float32] = (gain[..., None] * tint).astype(np.float32, copy=False)
    return gains


def _things(scene: Scene) -> str:
    """All items from back to front: those lower in the frame cover those above them."""
    kitchen, held = scene.kitchen, None if scene.held is None else scene.held[1]
    layers = [
        (kitchen.hob[1] - 9, draw_hob(kitchen.hob, scene.lit)),
        (kitchen.sink[1] - 9, draw_sink(kitchen.sink)),
        (kitchen.sink[1] - 8, draw_tap(kitchen.sink, scene.tap)),
        (kitchen.board[1] - 9, draw_board(kitchen.board)),
        (kitchen.board[1], draw_onion((kitchen.board[0], kitchen.board[1]), scene.onion_cut)),
    ]
    layers += [
        (item.place[1] + (50 if index == held else 0), draw_item(item))
        for index, item in enumerate(scene.items)
    ]
    drawn = "".join(svg for _, svg in sorted(layers, key=lambda layer: layer[0]))
    return drawn + _water(scene)


def _water(scene: Scene) -> str:
    parts = []
    if scene.stream is not None:
        (x0, y0), (x1, y1) = scene.stream
        path = f"M{x0:.2f} {y0:.2f} Q{x1:.2f} {y0:.2f} {x1:.2f} {y1 + 0.6:.2f}"
        parts.append(
            f'<path d="{path}" fill="none" stroke="#5fb4e6" stroke-width="2" stroke-linecap="round"/>'
            f'<path d="{path}" fill="none" stroke="#d5effc" stroke-width=".8" stroke-linecap="round"/>'
        )
    if scene.splash > 0:
        x, y = scene.kitchen.sink
        drops = "".join(
            f'<circle cx="{x + dx:.1f}" cy="{y + dy:.1f}" r="{r}"/>'
            for dx, dy, r in (
                (-6, -3, 0.8),
                (-3.5, -5.5, 0.6),
                (4, -5, 0.7),
                (6.5, -2.5, 0.8),
                (1, -6, 0.5),
            )
        )
        parts.append(
            f'<path d="M{x - 0.9:.1f} {y - 6.4:.1f} V{y - 1:.1f} h1.8 V{y - 6.4:.1f} Z" fill="#8fd0f5"/>'
            f'<g fill="#c9ebfc" stroke="#6db6de" stroke-width=".2" fill-opacity="{scene.splash:.2f}">{drops}'
            f'<ellipse cx="{x:.1f}" cy="{y - 0.6:.1f}" rx="4" ry="1.3" fill-opacity=".8"/></g>'
        )
    return "".join(parts)
