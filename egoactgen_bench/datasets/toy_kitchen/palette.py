"""Arithmetic on colours."""


def shade(colour: str, amount: float) -> str:
    """`#rrggbb` moved towards black (amount -1 … 0) or white (0 … 1)."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    goal = 255 if amount > 0 else 0
    mixed = [round(value + (goal - value) * abs(amount)) for value in channels]
    return "#" + "".join(f"{value:02x}" for value in mixed)
