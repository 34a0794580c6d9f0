"""The movable items as SVG; the origin is the point where an item touches the counter."""

from egoactgen_bench.toy.world.palette import shade, shadow
from egoactgen_bench.toy.world.scene import Item, Point

# Half width, height above and below the origin: the boxes of the annotations.
EXTENT: dict[str, tuple[float, float, float]] = {
    "mug": (7.0, 11.5, 2.5),
    "plate": (9.2, 6.0, 6.0),
    "knife": (9.5, 4.0, 4.0),
    "jug": (7.0, 16.0, 3.0),
    "pan": (13.0, 7.0, 6.5),
    "onion": (4.6, 5.5, 3.5),
}


def draw_item(item: Item) -> str:
    """An item, `lift` above its shadow on the counter."""
    (x, y), half = item.place, EXTENT[item.kind][0]
    draw = {"mug": _mug, "plate": _plate, "knife": _knife, "jug": _jug, "pan": _pan}[item.kind]
    side = -1 if item.mirrored else 1
    scale = 1 + 0.012 * item.lift
    under = shadow(x + 1.2 + 0.2 * item.lift, y + 1, half * 1.02, half * 0.48, 1 - 0.04 * item.lift)
    return (
        f'{under}<g transform="translate({x:.2f},{y - item.lift:.2f}) rotate({item.turn + 0.0:.2f})'
        f' scale({side * scale:.3f},{scale:.3f})">{draw(item.colour)}</g>'
    )


def _mug(colour: str) -> str:
    dark, edge = shade(colour, -0.22), shade(colour, -0.5)
    return (
        f'<path d="M4 -8 C8.4 -8.4 8.4 -2 3.8 -2.4" fill="none" stroke="{edge}" stroke-width="2.3"/>'
        f'<path d="M4 -8 C8.4 -8.4 8.4 -2 3.8 -2.4" fill="none" stroke="{colour}" stroke-width="1.4"/>'
        f'<path d="M-4.6 -9.6 L-3.9 0 A3.9 1.7 0 0 0 3.9 0 L4.6 -9.6 Z" fill="{colour}"'
        f' stroke="{edge}" stroke-width=".45"/>'
        f'<path d="M1.6 -9 L1.5 1.5 A3.9 1.7 0 0 0 3.9 0 L4.6 -9.6 Z" fill="{dark}" fill-opacity=".75"/>'
        f'<ellipse cx="0" cy="-9.6" rx="4.6" ry="1.9" fill="{shade(colour, 0.25)}" stroke="{edge}"'
        ' stroke-width=".45"/><ellipse cx="0" cy="-9.4" rx="3.6" ry="1.3" fill="#3a2a22"/>'
    )


def _plate(colour: str) -> str:
    return (
        f'<ellipse rx="9" ry="5.6" fill="{colour}" stroke="{shade(colour, -0.4)}" stroke-width=".45"/>'
        f'<ellipse cy=".2" rx="6" ry="3.5" fill="{shade(colour, -0.08)}"/>'
        f'<ellipse cy="-.1" rx="5.7" ry="3.2" fill="{shade(colour, 0.35)}"/>'
    )


def _knife(_: str) -> str:
    return (
        '<path d="M-1.5 -1.3 L7.5 -1.3 Q9.4 -.4 9.3 .9 L-1.5 .9 Z" fill="#dfe4e8" stroke="#6d757c"'
        ' stroke-width=".4"/><path d="M-1.2 .2 L9 .2 L9.3 .9 L-1.5 .9 Z" fill="#f8fafb"/>'
        '<rect x="-9.3" y="-1.4" width="8" height="2.6" rx="1.1" fill="#2b2b30" stroke="#101014"'
        ' stroke-width=".4"/><circle cx="-3.6" cy="-.1" r=".4" fill="#b9bdc2"/>'
        '<circle cx="-6.6" cy="-.1" r=".4" fill="#b9bdc2"/>'
    )


def _jug(_: str) -> str:
    return (
        '<path d="M4 -12.5 C9 -12.5 8.6 -3.4 4 -3.6" fill="none" stroke="#4d8fb8" stroke-width="1.7"/>'
        '<path d="M-6.2 -14.4 L-4.6 -12 L-4.2 0 A4.2 1.8 0 0 0 4.2 0 L4.8 -14 Z" fill="#bfe2f2"'
        ' fill-opacity=".93" stroke="#3e7ea6" stroke-width=".5"/>'
        '<path d="M-4.4 -8.4 L-4.2 0 A4.2 1.8 0 0 0 4.2 0 L4.5 -8.4 Z" fill="#4fa7dc" fill-opacity=".8"/>'
        '<ellipse cx="0" cy="-8.4" rx="4.4" ry="1.5" fill="#8ccbee"/>'
        '<path d="M-6.2 -14.4 Q0 -16.4 4.8 -14 Q0 -12.2 -4.9 -12.8 Z" fill="#e7f5fb" stroke="#3e7ea6"'
        ' stroke-width=".4"/><path d="M-2.9 -11.5 L-2.7 -1" stroke="#fff" stroke-width=".8"'
        ' fill-opacity=".7"/>'
    )


def _pan(_: str) -> str:
    return (
        '<path d="M6.4 1.8 L16 5.4" stroke="#17181b" stroke-width="2.6" stroke-linecap="round"/>'
        '<path d="M8 2.2 L15.6 5" stroke="#4b4e55" stroke-width=".8" stroke-linecap="round"/>'
        '<path d="M-8 -1 A8 5 0 0 0 8 -1 L7.4 1.4 A7.4 4.6 0 0 1 -7.4 1.4 Z" fill="#17181b"/>'
        '<ellipse cy="-1" rx="8" ry="5" fill="#3a3d43" stroke="#141518" stroke-width=".5"/>'
        '<ellipse cy="-.7" rx="6.8" ry="4" fill="#26282c"/>'
        '<path d="M-5 -2.4 A6.4 3.8 0 0 1 1 -4.3" stroke="#6b6f77" stroke-width=".6" fill="none"/>'
    )


def draw_board(at: Point) -> str:
    x, y = at
    return (
        f'<g transform="translate({x:.2f},{y:.2f})">'
        f"{shadow(1, 4, 16, 7)}"
        '<path d="M-12 -6.5 H12 Q13.2 -6.5 13.6 -5.3 L15.4 5.3 Q15.6 6.8 14.2 6.8 H-14.2 Q-15.6 6.8'
        ' -15.4 5.3 L-13.6 -5.3 Q-13.2 -6.5 -12 -6.5 Z" fill="#d9a866" stroke="#8d6030"'
        ' stroke-width=".5"/>'
        '<path d="M-15.4 5.4 L-15.2 7.6 Q-15 8.2 -14.2 8.2 H14.2 Q15 8.2 15.2 7.6 L15.4 5.4 Q15.4 6.8'
        ' 14.2 6.8 H-14.2 Q-15.4 6.8 -15.4 5.4 Z" fill="#a9763c"/>'
        '<path d="M-11 -3.4 H11 M-12.5 .6 H12.4 M-13 3.9 H13.4" stroke="#b98445" stroke-width=".35"/>'
        "</g>"
    )


def draw_onion(at: Point, cut: float) -> str:
    """An onion; as `cut` increases from 0 to 1, slices fall from its right side."""
    x, y = at
    whole = (
        f"{shadow(0.6, 2.8, 4.8, 2.1)}"
        '<path d="M0 -5.2 C.6 -4 4.3 -3.4 4.3 -.2 C4.3 2.2 2.2 3.4 0 3.4 C-2.2 3.4 -4.3 2.2 -4.3 -.2'
        ' C-4.3 -3.4 -.6 -4 0 -5.2 Z" fill="#b0457f" stroke="#6b2149" stroke-width=".45"/>'
        '<path d="M-1 -3.4 C-3 -1.6 -2.6 1.8 -1 3.2 M1 -3.4 C3 -1.6 2.6 1.8 1 3.2" fill="none"'
        ' stroke="#d98ab4" stroke-width=".45"/>'
    )
    if cut < 0.05:
        return f'<g transform="translate({x:.2f},{y:.2f}) scale(1.2)">{whole}</g>'
    slices = "".join(
        f'<g transform="translate({3.4 + 3.5 * i * cut:.2f},{0.7 + 0.25 * i:.2f})">'
        '<ellipse rx="2.1" ry="3.1" fill="#f7e6ef" stroke="#a33d74" stroke-width=".6"/>'
        '<ellipse rx="1.25" ry="2" fill="none" stroke="#cf8bb0" stroke-width=".4"/>'
        '<ellipse rx=".5" ry=".9" fill="none" stroke="#cf8bb0" stroke-width=".35"/></g>'
        for i in range(3)
    )
    half = (
        '<path d="M0 -5 C-.6 -4 -4.3 -3.4 -4.3 -.2 C-4.3 2.2 -2.2 3.4 .4 3.4 L.9 -3.8 Z"'
        ' fill="#b0457f" stroke="#6b2149" stroke-width=".45"/>'
        '<ellipse cx=".7" cy="-.1" rx="1.5" ry="3.5" fill="#f7e6ef" stroke="#a33d74"'
        ' stroke-width=".5"/>'
    )
    return f'<g transform="translate({x - 2.4:.2f},{y:.2f}) scale(1.2)">{half}{slices}</g>'
