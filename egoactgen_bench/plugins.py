"""Finding plug-ins: data sets, methods, metrics, trainers and more; ours and strangers'."""

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError, did_you_mean

KINDS = ("datasets", "methods", "metrics", "trainers", "converters", "commands")


def registered(kind: str) -> dict[str, EntryPoint]:
    """The entry points of one kind by name, sorted; nothing of them is imported."""
    points = entry_points(group=f"egoactgen_bench.{kind}")
    return {point.name: point for point in sorted(points, key=lambda point: point.name)}


def load(kind: str, name: str) -> tuple[Any, str | None]:
    """Load a plug-in class by name, with the argument that follows a colon, if any.

    `lego` → (its class, None); `images:DIR` → (its class, "DIR");
    `my_package.mine:MyMethod` → (that class, None), registered or not.
    """
    head, colon, argument = name.partition(":")
    if colon and head not in registered(kind):
        return find(kind, name), None
    plugin = find(kind, head)
    takes_argument = bool(getattr(plugin, "takes_argument", False))
    if (bool(colon), bool(argument)) != (takes_argument, takes_argument):
        wanted = f"{head}:ARGUMENT" if takes_argument else head
        raise BenchError(f"'{name}' is not how {head} is named: write {wanted}.")
    return plugin, argument or None


def find(kind: str, name: str) -> Any:
    """The plug-in class of a registered name, with or without argument, or of `module:Class`."""
    points = registered(kind)
    head, colon, attribute = name.partition(":")
    if head not in points and not colon:
        raise BenchError(f"There is no {kind[:-1]} '{name}'.{did_you_mean(name, points)}")
    here = str(Path.cwd())
    if head not in points and here not in sys.path:  # a console script does not look there
        sys.path.insert(0, here)
    try:
        if head in points:
            return points[head].load()
        return getattr(importlib.import_module(head), attribute)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and head.startswith(error.name or head):
            raise BenchError(
                f"There is no {kind[:-1]} '{name}': no registered name and no importable module "
                f"'{head}'.{did_you_mean(head, points)}"
            ) from None
        raise BenchError(
            f"The {kind[:-1]} '{name}' cannot be loaded ({type(error).__name__}: {error})."
        ) from error
