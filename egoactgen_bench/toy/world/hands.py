"""Two arms with sleeves and hands, and the person from behind, drawn as SVG."""

import math
from dataclasses import dataclass

from egoactgen_bench.toy.world.palette import shade, shadow
from egoactgen_bench.toy.world.scene import Hand, Kitchen, Point

ELBOW: dict[Hand, Point] = {"left": (6.0, 128.0), "right": (94.0, 128.0)}
PALM = 8.2  # from the wrist to the grip point
_SIZE = 0.86
_FINGERS = (-3.3, -1.1, 1.1, 3.3)


@dataclass(frozen=True, slots=True)
class HandPose:
    """Position of a hand's grip point, and its shape.

    `curl` (0 … 1) closes the hand from spread open to a grip; `point` (0 … 1) stretches the index
    finger, as for pressing a button.
    """

    at: Point
    curl: float = 0.15
    point: float = 0.0


def draw_arm(hand: Hand, pose: HandPose, skin: str, sleeve: str) -> str:
    """Shadow, sleeve, forearm and hand, from beyond the lower edge to the grip point."""
    elbow, (x, y) = ELBOW[hand], pose.at
    angle = math.degrees(math.atan2(x - elbow[0], elbow[1] - y))
    reach = math.hypot(x - elbow[0], y - elbow[1]) - PALM
    mirror = 1 if hand == "left" else -1
    inner = (
        _forearm(reach, skin, sleeve)
        + f'<g transform="scale({mirror * _SIZE},{_SIZE})">{_hand(pose, skin)}</g>'
    )
    wrist = (x - PALM * math.sin(math.radians(angle)), y + PALM * math.cos(math.radians(angle)))
    return (
        f'{shadow(x + 1.5, y + 5, 8, 5.5)}<g transform="translate({wrist[0]:.2f},{wrist[1]:.2f}) rotate({angle:.2f})">'
        f"{inner}</g>"
    )


def draw_person(kitchen: Kitchen) -> str:
    """Shoulders, back and head of the person, as a camera behind the person sees them."""
    cloth, edge = kitchen.sleeve, shade(kitchen.sleeve, -0.35)
    hair = shade(kitchen.skin, -0.6)
    return (
        f'<path d="M-6 182 C-8 140 2 124 22 121 L78 121 C98 124 108 140 106 182 Z" fill="{cloth}"'
        f' stroke="{edge}" stroke-width=".6"/>'
        f'<path d="M50 128 V182" stroke="{edge}" stroke-width=".5"/>'
        f'<rect x="43" y="112" width="14" height="13" rx="4" fill="{kitchen.skin}"/>'
        f'<ellipse cx="50" cy="104" rx="12.5" ry="14.5" fill="{hair}" stroke="{shade(hair, -0.4)}"'
        ' stroke-width=".5"/>'
    )


def fingertip_at(hand: Hand, tip: Point) -> Point:
    """The grip point of a pointing hand whose index finger touches `tip`."""
    elbow, beyond = ELBOW[hand], 15.6 * _SIZE - PALM
    length = math.hypot(tip[0] - elbow[0], tip[1] - elbow[1])
    return _mix(elbow, tip, 1 - beyond / length)


def _forearm(length: float, skin: str, sleeve: str) -> str:
    cuff = 6.0
    return (
        f'<path d="M-3 -.6 L-4.4 {cuff + 4} L4.4 {cuff + 4} L3 -.6 Z" fill="{skin}"'
        f' stroke="{shade(skin, -0.3)}" stroke-width=".5"/>'
        f'<path d="M-5.4 {cuff} L-8.4 {length + 8:.2f} L8.4 {length + 8:.2f} L5.4 {cuff} Q0 {cuff + 1.6} -5.4'
        f' {cuff} Z" fill="{sleeve}" stroke="{shade(sleeve, -0.35)}" stroke-width=".5"/>'
        f'<path d="M1.9 {cuff + 1} L3.8 {length + 8:.2f} L8.4 {length + 8:.2f} L5.4 {cuff} Z"'
        f' fill="{shade(sleeve, -0.18)}"/>'
        f'<path d="M-5.4 {cuff} Q0 {cuff + 1.6} 5.4 {cuff} L5.7 {cuff + 2.2} Q0 {cuff + 3.8} -5.7'
        f' {cuff + 2.2} Z" fill="{shade(sleeve, 0.16)}"/>'
    )


def _hand(pose: HandPose, skin: str) -> str:
    """A hand in its own coordinates: wrist at the origin, fingers up, thumb to the right."""
    edge = shade(skin, -0.32)
    strokes = [_finger(index, pose) for index in range(4)]
    open_thumb, closed_thumb = (8.2, -8.2), (4.6, -8.6)
    tip = _mix(open_thumb, closed_thumb, pose.curl)
    strokes.append(f"M3.2 -3.4 Q{tip[0] + 0.4:.2f} -4.6 {tip[0]:.2f} {tip[1]:.2f}")
    palm = "M-3.4 .6 C-5.2 -3 -5 -8 -4.2 -8.8 L4.2 -8.8 C5 -7.6 4.8 -3 3.4 .6 Z"
    outline = "".join(
        f'<path d="{d}" fill="none" stroke="{edge}" stroke-width="3.1" stroke-linecap="round"/>'
        for d in strokes
    )
    flesh = "".join(
        f'<path d="{d}" fill="none" stroke="{skin}" stroke-width="2.3" stroke-linecap="round"/>'
        for d in strokes
    )
    knuckles = "".join(
        f'<path d="M{x - 0.7:.2f} -8.2 q.7 -.7 1.4 0" fill="none" stroke="{edge}" stroke-width=".35"/>'
        for x in _FINGERS
    )
    return (
        f'{outline}<path d="{palm}" fill="{skin}" stroke="{edge}" stroke-width=".45"/>{flesh}'
        f'<path d="M1.4 -8 C4 -7 4.4 -3 3 .4 L1 .4 C2 -3 2 -6 1.4 -8 Z" fill="{edge}" fill-opacity=".16"/>'
        f"{knuckles}"
    )


def _finger(index: int, pose: HandPose) -> str:
    x = _FINGERS[index]
    length = (6.4, 7.8, 7.4, 5.6)[index]
    curled = 0.25 * pose.curl if index == 2 and pose.point > 0 else pose.curl
    if pose.point > 0 and index != 2:
        curled = max(curled, pose.point)
    length *= 1 - 0.62 * curled
    spread = 1 + 0.55 * (1 - curled)
    return f"M{x:.2f} -8 Q{x * 1.05:.2f} {-8 - length * 0.6:.2f} {x * spread:.2f} {-8 - length:.2f}"


def _mix(a: Point, b: Point, t: float) -> Point:
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)
