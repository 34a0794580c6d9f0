"""A kitchen and its items, sampled before an action is chosen.

Lengths are in hundredths of the frame's side: (0, 0) is the upper left corner, (100, 100) the lower
right one. The counter extends from y = 30, where the wall ends, to y = 68.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Literal

Hand = Literal["left", "right"]
HANDS: tuple[Hand, Hand] = ("left", "right")
Point = tuple[float, float]

MOVABLE = ("mug", "plate", "knife", "jug", "pan")
REST: dict[Hand, Point] = {"left": (25.0, 93.0), "right": (75.0, 93.0)}
CARRY: dict[Hand, Point] = {"left": (31.0, 80.0), "right": (69.0, 80.0)}

WALLS = ("#e9e2cf", "#cfe0e4", "#dfe7d3", "#ead7cd", "#d9d6e6", "#f0ebe2")
COUNTERS = ("#b98d5d", "#8d8f94", "#6f4a33", "#d3c7b5", "#56606b", "#a9785a")
CABINETS = ("#f2eee6", "#5b7f78", "#8c5a3c", "#47607d", "#c9ccd1", "#7c8f5a")
SKINS = ("#f3cfb3", "#e0ac7e", "#c58a5a", "#9a6540", "#6b432b", "#4d2f1f")
SLEEVES = ("#a8323a", "#2f5d9b", "#3c7a4b", "#39393f", "#d9d4c7", "#77529a", "#d08a2e")
MUGS = ("#d8453e", "#2f6fd0", "#e8b92f", "#3a9a58", "#f1efe9", "#e07b39")
PLATES = ("#f6f4ee", "#b9d3ea", "#f0d2b0", "#d4e6cd")


@dataclass(frozen=True, slots=True)
class Item:
    """A movable item at `place`, or lifted `lift` above it.

    `turn` is its rotation in degrees; a mirrored jug or pan has its handle on the left.
    """

    kind: str
    colour: str
    place: Point
    turn: float = 0.0
    mirrored: bool = False
    lift: float = 0.0


@dataclass(frozen=True, slots=True)
class Kitchen:
    """Properties that are constant in a video: furniture, materials, light, the person's arms."""

    wall: str
    tiled: bool
    counter: str
    wooden: bool
    cabinet: str
    skin: str
    sleeve: str
    warmth: float  # -1 (blue daylight) … 1 (warm lamp)
    brightness: float  # 0.75 … 1.1
    light_from: float  # x of the light
    hob: Point
    sink: Point
    board: Point
    drawers: int


@dataclass(frozen=True, slots=True)
class Scene:
    """The arrangement of movable items in a kitchen at one moment."""

    kitchen: Kitchen
    items: tuple[Item, ...]
    held: tuple[Hand, int] | None  # which hand holds which item
    tap: float  # 0 shut, 1 open
    open_drawer: int | None
    drawer_slide: float = 1.0  # how far the open drawer is pulled out, 0 … 1
    onion_cut: float = 0.0
    stream: tuple[Point, Point] | None = None  # water from a jug: start and end point
    splash: float = 0.0  # under the tap
    lit: bool = False

    def held_item(self) -> Item | None:
        return None if self.held is None else self.items[self.held[1]]

    def free_hands(self) -> list[Hand]:
        return [hand for hand in HANDS if self.held is None or self.held[0] != hand]

    def standing(self, kind: str) -> list[int]:
        """Indices of the items of a kind that are on the counter."""
        held = None if self.held is None else self.held[1]
        return [i for i, item in enumerate(self.items) if item.kind == kind and i != held]

    def with_item(self, index: int, **changes: object) -> "Scene":
        items = list(self.items)
        items[index] = replace(items[index], **changes)  # type: ignore[arg-type]
        return replace(self, items=tuple(items))


def sample_kitchen(random: Random) -> Kitchen:
    hob_left = random.random() < 0.5
    near, far = random.uniform(17, 22), random.uniform(77, 82)
    return Kitchen(
        wall=random.choice(WALLS),
        tiled=random.random() < 0.6,
        counter=random.choice(COUNTERS),
        wooden=random.random() < 0.5,
        cabinet=random.choice(CABINETS),
        skin=random.choice(SKINS),
        sleeve=random.choice(SLEEVES),
        warmth=random.uniform(-1, 1),
        brightness=random.uniform(0.82, 1.08),
        light_from=random.uniform(10, 90),
        hob=(near if hob_left else far, random.uniform(41, 43)),
        sink=(far if hob_left else near, random.uniform(41, 43)),
        board=(random.uniform(45, 55), random.uniform(41, 44)),
        drawers=random.choice((2, 3)),
    )


def sample_scene(random: Random, kitchen: Kitchen) -> Scene:
    """Sample items and their places, independently of any action."""
    kinds = ["mug", "mug", "plate", "knife", random.choice(("jug", "pan")), "jug", "pan"]
    kinds = kinds[: random.choice((5, 6, 6))]
    if kinds.count("jug") > 1 or kinds.count("pan") > 1:
        kinds.pop()
    places = counter_places(random, len(kinds))
    colours = random.sample(MUGS, 2)
    items = [_item(random, kind, place, colours) for kind, place in zip(kinds, places, strict=True)]
    held: tuple[Hand, int] | None = None
    if random.random() < 0.7:
        kind = random.choice(sorted({item.kind for item in items}))
        hand = random.choice(HANDS)
        index = next(i for i, item in enumerate(items) if item.kind == kind)
        items[index] = replace(items[index], mirrored=hand == "left", turn=0.0)
        held = (hand, index)
    return Scene(
        kitchen,
        tuple(items),
        held,
        tap=float(random.random() < 0.4),
        open_drawer=random.randrange(kitchen.drawers) if random.random() < 0.4 else None,
        lit=random.random() < 0.3,
    )


def _item(random: Random, kind: str, place: Point, colours: list[str]) -> Item:
    colour = colours.pop() if kind == "mug" else random.choice(PLATES)
    turn = random.uniform(-25, 25) if kind == "knife" else 0.0
    return Item(kind, colour, place, turn, mirrored=random.random() < 0.5)


def counter_places(random: Random, count: int) -> list[Point]:
    """`count` places along the front of the counter, at least 13 apart, in random order."""
    gap = 84 / count
    places = [
        (
            8 + gap * (i + 0.5) + random.uniform(-1, 1) * max(0.0, gap - 12.5) / 2,
            random.uniform(59, 64),
        )
        for i in range(count)
    ]
    random.shuffle(places)
    return places


def drawer_centre(kitchen: Kitchen, index: int) -> float:
    """x of a drawer's centre."""
    return 100 / kitchen.drawers * (index + 0.5)
