"""Colours, and soft shadows without gradients."""


def shadow(x: float, y: float, rx: float, ry: float, strength: float = 1.0) -> str:
    """A soft shadow: three concentric ellipses."""
    return "".join(
        f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{rx * part:.2f}" ry="{ry * part:.2f}"'
        f' fill-opacity="{0.1 * strength:.3f}"/>'
        for part in (1.0, 0.82, 0.62)
    )


def shade(colour: str, amount: float) -> str:
    """The colour `#rrggbb`, darkened (amount -1 … 0) or lightened (0 … 1)."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    goal = 255 if amount > 0 else 0
    mixed = [round(value + (goal - value) * abs(amount)) for value in channels]
    return "#" + "".join(f"{value:02x}" for value in mixed)
