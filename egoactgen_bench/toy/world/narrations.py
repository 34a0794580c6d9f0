"""Rarer wordings of narrators, for the worlds in which labels have a long tail."""

from random import Random

TAKING = (
    "grabs the {}", "gets the {}", "lifts the {}", "grasps a {}", "collects the {}", "fetches a {}",
    "seizes the {}", "obtains a {}", "retrieves the {}", "removes the {} from the counter",
)  # fmt: skip
PUTTING = (
    "puts the {} down", "sets the {} down", "leaves the {} on the counter", "releases the {}",
    "returns the {}", "lays the {} on the counter", "positions the {} on the counter",
    "deposits the {}",
)  # fmt: skip
TAIL: dict[str, tuple[str, ...]] = {
    "open drawer": ("slides the drawer open", "pulls the drawer", "pulls out the drawer"),
    "close drawer": ("shuts the drawer", "slides the drawer shut", "pushes in the drawer"),
    "take mug": (*(text.format("mug") for text in TAKING), "takes a cup", "picks up the cup"),
    "take plate": (*(text.format("plate") for text in TAKING), "takes a dish"),
    "take knife": (*(text.format("knife") for text in TAKING), "takes a blade"),
    "take jug": (*(text.format("jug") for text in TAKING), "takes a pitcher"),
    "take pan": (*(text.format("pan") for text in TAKING), "takes a skillet"),
    "put down mug": (*(text.format("mug") for text in PUTTING), "puts down the cup"),
    "put down plate": (*(text.format("plate") for text in PUTTING), "puts down the dish"),
    "put down knife": (*(text.format("knife") for text in PUTTING), "puts down the blade"),
    "put down jug": (*(text.format("jug") for text in PUTTING), "puts down the pitcher"),
    "put pan on hob": ("sets the pan on the stove", "puts the skillet on the hob"),
    "turn on tap": ("runs the water", "switches on the faucet", "turns on the faucet"),
    "turn off tap": ("stops the water", "switches off the faucet", "turns off the faucet"),
    "cut onion": ("chops the onion", "dices an onion", "halves the onion", "slices the onion"),
    "pour water": ("fills the mug", "fills a cup with water", "tips water into the mug"),
    "wash plate": (
        "cleans the plate",
        "scrubs the dish",
        "washes the dish",
        "rinses off the plate",
    ),
}


def long_tail(random: Random, action: str, common: tuple[str, ...]) -> str:
    """A wording of an action: the k-th of all its wordings has a probability in proportion to 1/k."""
    wordings = (*common, *TAIL[action])
    return random.choices(wordings, [1 / (rank + 1) for rank in range(len(wordings))])[0]
