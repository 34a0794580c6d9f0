"""Wall, counter, hob, sink with tap, and drawers, drawn beyond the frame for a moving camera."""

from egoactgen_bench.toy.world.palette import shade
from egoactgen_bench.toy.world.scene import Kitchen, Point, Scene, drawer_centre

DRAWER_SLIDE = 15.0  # how far the front of an open drawer moves down
WALL_END, COUNTER_END = 30.0, 68.0


def draw_room(kitchen: Kitchen) -> str:
    """The static background: wall, counter, cabinet."""
    return _wall(kitchen) + _counter(kitchen) + _cabinet(kitchen)


def _wall(kitchen: Kitchen) -> str:
    parts = [f'<rect x="-60" y="-60" width="220" height="{WALL_END + 60}" fill="{kitchen.wall}"/>']
    if kitchen.tiled:
        line, size = shade(kitchen.wall, -0.13), 9
        columns = "".join(f"M{x} -60 V{WALL_END}" for x in range(-56, 160, size))
        rows = "".join(f"M-60 {WALL_END - size * i} H160" for i in range(10))
        parts.append(f'<path d="{columns}{rows}" stroke="{line}" stroke-width=".45"/>')
    parts.append(
        _bands(WALL_END - 9, 9, "#000", (0.03, 0.06, 0.10))
        + f'<rect x="-60" y="{WALL_END - 1.6}" width="220" height="2.2" fill="{shade(kitchen.counter, 0.2)}"/>'
    )
    return "".join(parts)


def _bands(y: float, height: float, colour: str, strengths: tuple[float, ...]) -> str:
    """A vertical gradient, approximated by plain strips."""
    step = height / len(strengths)
    return "".join(
        f'<rect x="-60" y="{y + step * i:.2f}" width="220" height="{step + 0.02:.2f}" fill="{colour}"'
        f' fill-opacity="{strength}"/>'
        for i, strength in enumerate(strengths)
    )


def _counter(kitchen: Kitchen) -> str:
    height = COUNTER_END - WALL_END
    parts = [
        f'<rect x="-60" y="{WALL_END}" width="220" height="{height}" fill="{kitchen.counter}"/>'
    ]
    grain = shade(kitchen.counter, -0.1)
    if kitchen.wooden:
        lines = "".join(
            f"M-60 {WALL_END + 2.5 + 4.1 * i} C-10 {WALL_END + 1.2 + 4.1 * i} 60"
            f" {WALL_END + 4.2 + 4.1 * i} 160 {WALL_END + 2.2 + 4.1 * i}"
            for i in range(9)
        )
        parts.append(f'<path d="{lines}" fill="none" stroke="{grain}" stroke-width=".4"/>')
    parts.append(
        _bands(WALL_END, 14, "#000", (0.22, 0.16, 0.10, 0.05))
        + _bands(COUNTER_END - 16, 14, "#fff", (0.03, 0.06, 0.10))
        + f'<rect x="-60" y="{COUNTER_END - 2}" width="220" height="2" fill="{shade(kitchen.counter, 0.24)}"/>'
        f'<rect x="-60" y="{COUNTER_END}" width="220" height="2.6" fill="{shade(kitchen.counter, -0.38)}"/>'
    )
    return "".join(parts)


def _cabinet(kitchen: Kitchen) -> str:
    return (
        f'<rect x="-60" y="{COUNTER_END + 2.6}" width="220" height="100"'
        f' fill="{shade(kitchen.cabinet, -0.28)}"/>'
    )


def draw_drawers(scene: Scene) -> str:
    """Closed fronts first, then the open drawer with its box and contents."""
    kitchen = scene.kitchen
    width = 100 / kitchen.drawers - 3
    closed, opened = [], ""
    for index in range(-2, kitchen.drawers + 2):
        x = drawer_centre(kitchen, index) - width / 2
        out = scene.drawer_slide if index == scene.open_drawer else 0.0
        front = _front(kitchen, x, width, DRAWER_SLIDE * out)
        if out > 0.01:
            opened = _box(x, width, DRAWER_SLIDE * out) + front
        else:
            closed.append(front)
    return "".join(closed) + opened


def _front(kitchen: Kitchen, x: float, width: float, slide: float) -> str:
    y, colour = COUNTER_END + 4.2 + slide, kitchen.cabinet
    middle = x + width / 2
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="22" rx="1" fill="{colour}"'
        f' stroke="{shade(colour, -0.42)}" stroke-width=".5"/>'
        f'<rect x="{x + 1.6:.2f}" y="{y + 1.6:.2f}" width="{width - 3.2:.2f}" height="18.8" rx=".8"'
        f' fill="none" stroke="{shade(colour, -0.16)}" stroke-width=".6"/>'
        f'<rect x="{middle - 6:.2f}" y="{y + 5:.2f}" width="12" height="2" rx="1" fill="#3d4046"/>'
        f'<rect x="{middle - 5.6:.2f}" y="{y + 5:.2f}" width="11.2" height=".7" rx=".3" fill="#9aa0a8"/>'
    )


def _box(x: float, width: float, slide: float) -> str:
    y, depth = COUNTER_END + 3.2, slide + 1.4
    spoons = "".join(
        f'<path d="M{x + width * f:.2f} {y + 1.2:.2f} V{y + depth - 0.6:.2f}" stroke="{tone}"'
        ' stroke-width="1.3" stroke-linecap="round"/>'
        for f, tone in ((0.2, "#d9dee2"), (0.3, "#bfc6cc"), (0.52, "#d9dee2"), (0.76, "#c9a25d"))
        if depth > 4
    )
    return (
        f'<rect x="{x + 0.6:.2f}" y="{y:.2f}" width="{width - 1.2:.2f}" height="{depth:.2f}"'
        ' fill="#5a3d26"/>'
        f'<rect x="{x + 2:.2f}" y="{y:.2f}" width="{width - 4:.2f}" height="{depth:.2f}" fill="#7b5636"/>'
        f'<rect x="{x + 2:.2f}" y="{y:.2f}" width="{width - 4:.2f}" height="{min(depth, 3):.2f}"'
        f' fill="#2d1d11" fill-opacity=".55"/>{spoons}'
        f'<path d="M{x + width * 0.41:.2f} {y:.2f} v{depth:.2f} M{x + width * 0.64:.2f} {y:.2f}'
        f' v{depth:.2f}" stroke="#5a3d26" stroke-width=".9"/>'
    )


def draw_hob(at: Point, lit: bool) -> str:
    x, y = at
    ring = "#ff5a36" if lit else "#55585e"
    glow = '<ellipse cy=".4" rx="9" ry="5.4" fill="url(#glow)"/>' if lit else ""
    return (
        f'<g transform="translate({x:.2f},{y:.2f})"><path d="M-12 -8.6 H12 L14 8.6 H-14 Z"'
        ' fill="#1c1d21" stroke="#7b7f86" stroke-width=".6"/>'
        '<path d="M-11 -8 H-1 L-6 8 H-13 Z" fill="#fff" fill-opacity=".05"/>'
        f'{glow}<ellipse cy=".4" rx="7.6" ry="4.6" fill="none" stroke="{ring}" stroke-width=".8"/>'
        f'<ellipse cy=".4" rx="4.6" ry="2.7" fill="none" stroke="{ring}" stroke-width=".55"/></g>'
    )


def tap_lever(sink: Point) -> Point:
    """The point where a finger moves the tap's lever, on the outer side of the sink."""
    return (sink[0] + _outer(sink) * 8.4, sink[1] - 11.6)


def _outer(sink: Point) -> int:
    return -1 if sink[0] < 50 else 1


def spout_end(sink: Point) -> Point:
    return (sink[0], sink[1] - 6.6)


def draw_sink(at: Point) -> str:
    x, y = at
    return (
        f'<g transform="translate({x:.2f},{y:.2f})"><path d="M-12 -7 H12 L14 9 H-14 Z" fill="#cdd3d8"'
        ' stroke="#868e96" stroke-width=".6"/>'
        '<path d="M-9.8 -4.8 H9.8 L11.6 7 H-11.6 Z" fill="#a3abb3" stroke="#7b838b"'
        ' stroke-width=".5"/><ellipse cy="2.6" rx="1.8" ry="1" fill="#4a5057"/></g>'
    )


def draw_tap(at: Point, turned: float) -> str:
    """The tap; `turned` 0 (shut) … 1 (open) moves the lever and lets the water run."""
    x, y = at
    water = ""
    if turned > 0.15:
        water = (
            f'<path d="M-.9 -6.4 L-1.1 2.6 H1.1 L.9 -6.4 Z" fill="#8fd0f5" fill-opacity="{0.9 * turned:.2f}"/>'
            f'<path d="M-.2 -6.4 V2.2" stroke="#fff" stroke-width=".5" stroke-opacity="{0.8 * turned:.2f}"/>'
            f'<ellipse cy="2.7" rx="{4.6 * turned:.2f}" ry="{1.9 * turned:.2f}" fill="#bfe6fb"'
            ' fill-opacity=".85"/>'
        )
    pipe = "M4.2 -8.2 V-15 C4.2 -20 0 -20 0 -15 V-7"
    return (
        f'<g transform="translate({x:.2f},{y:.2f}) scale({_outer(at)},1)">{water}'
        f'<path d="{pipe}" fill="none" stroke="#6c747c" stroke-width="2.7"/>'
        f'<path d="{pipe}" fill="none" stroke="#d7dde2" stroke-width="1.7"/>'
        '<ellipse cx="4.2" cy="-7.6" rx="2.7" ry="1.3" fill="#b3bac1" stroke="#6c747c"'
        ' stroke-width=".4"/>'
        f'<g transform="translate(4.2,-10.6) rotate({-62 * turned:.1f})">'
        '<path d="M0 0 L5.4 -1.6" stroke="#5d646b" stroke-width="2" stroke-linecap="round"/>'
        '<path d="M.4 -.1 L5.2 -1.5" stroke="#e4483e" stroke-width="1.2" stroke-linecap="round"/></g></g>'
    )
