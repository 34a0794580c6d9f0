"""The plan of a folder: all that shapes its content, and how a new call's plan differs from it."""

import json
from typing import Any


def changes(there: dict[str, Any], here: dict[str, Any]) -> str:
    """`"options.steps 100 → 50, seed 0 → 1"`: where the plan `here` differs; empty: nowhere.

    Keys of `there` that `here` does not have (counts, timing) are no part of the plan.
    """
    old, new = _flat({key: there.get(key) for key in here}), _flat(here)
    changed = [key for key in {**new, **old} if old.get(key) != new.get(key)]
    return ", ".join(f"{key} {_short(old.get(key))} → {_short(new.get(key))}" for key in changed)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """`{"options": {"steps": 1}}` → `{"options.steps": 1}`; options as passed are left out."""
    if not isinstance(value, dict):
        return {prefix.removesuffix("."): value}
    pairs = (_flat(inner, f"{prefix}{key}.") for key, inner in value.items() if key != "passed")
    return {key: inner for pair in pairs for key, inner in pair.items()}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:12]}…"
