"""What `conditioning` names: a row of the paper's Table 3, or feature kinds joined by `+`."""

import re

from egoactgen_bench.api import plugins
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_lego.features.feature_kind import FeatureKind

GROUP = "egoactgen_lego.feature_kinds"  # of entry points
LABELS, DESCRIPTIONS = "labels", "descriptions"  # a text alone: the action's, or its enriched one
JOINT = "joint"  # both of the paper's features
PAPER_KINDS = ("image", "text")  # in their order in C, before all others
RESERVED = {LABELS, DESCRIPTIONS, JOINT, "self", "prompt", "seeds"}


def kinds_of(conditioning: str) -> tuple[FeatureKind, ...]:
    """The feature kinds that C contains after the text, in their order.

    `joint+depth` → image, text, depth. A kind without an entry point is named `module:Class`.
    Raises `BenchError` for an unknown kind, and for one that is named twice.
    """
    kinds = [_find(name, conditioning) for name in _names(conditioning)]
    for kind in kinds:
        if sum(other.name == kind.name for other in kinds) > 1:
            raise BenchError(f"conditioning '{conditioning}' names '{kind.name}' twice.")
    return tuple(kinds)


def canonical(conditioning: str) -> str:
    """The name under which a conditioning is stored: `text+image` → `joint`.

    Raises `BenchError` as `kinds_of` does.
    """
    kinds_of(conditioning)
    names = _names(conditioning)
    if tuple(names[:2]) == PAPER_KINDS:
        names[:2] = [JOINT]
    return "+".join(names) or conditioning


def paper_kinds() -> tuple[FeatureKind, ...]:
    """H_i and H_t."""
    return kinds_of(JOINT)


def _names(conditioning: str) -> list[str]:
    if conditioning in (LABELS, DESCRIPTIONS):
        return []
    parts = conditioning.split("+")
    names = [name for part in parts for name in (PAPER_KINDS if part == JOINT else (part,))]
    places = {name: place for place, name in enumerate(PAPER_KINDS)}
    return sorted(names, key=lambda name: places.get(name, len(places)))


def _find(name: str, conditioning: str) -> FeatureKind:
    known = plugins.registered(GROUP)
    if name not in known and ":" not in name:
        joined = name != conditioning
        inside = f" in conditioning '{conditioning}'" if joined else ""
        alone = () if joined else (LABELS, DESCRIPTIONS)
        if name in (LABELS, DESCRIPTIONS):
            raise BenchError(
                f"conditioning '{conditioning}' joins '{name}' with feature kinds: leave it out "
                "(the kinds come with descriptions), or name it alone."
            )
        raise BenchError(
            f"Unknown feature kind '{name}'{inside}.{did_you_mean(name, {*known, JOINT, *alone})}"
        )
    found = plugins.find(GROUP, name)
    if not (isinstance(found, type) and issubclass(found, FeatureKind)):
        raise BenchError(
            f"'{name}' is not a class derived from {FeatureKind.__module__}.FeatureKind."
        )
    own = getattr(found, "name", None)
    if not (isinstance(own, str) and re.fullmatch("[a-z][a-z0-9_]*", own)) or own in RESERVED:
        raise BenchError(
            f"The feature kind '{name}' is called {own!r}: its `name` must consist of a-z, 0-9 and "
            f"_, and must not be one of {', '.join(sorted(RESERVED))}."
        )
    if found.varies and found.tokens is None:
        raise BenchError(f"The feature kind '{name}' varies in length, and so must set `tokens`.")
    return found()
