"""Finding plug-ins: data sets, methods, metrics and command groups, ours and strangers' alike."""

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from egoactgen_bench.errors import BenchError, did_you_mean

KINDS = ("datasets", "methods", "metrics", "commands")


def registered(kind: str) -> dict[str, EntryPoint]:
    """The entry points of one kind by name, sorted; nothing of them is imported."""
    points = entry_points(group=f"egoactgen_bench.{kind}")
    return {point.name: point for point in sorted(points, key=lambda point: point.name)}


def load(kind: str, name: str) -> tuple[Any, str | None]:
    """Load a plug-in class by name, with the argument that follows a colon, if any.

    `lego` → (its class, None); `images:DIR` → (its class, "DIR");
    `my_package.mine:MyMethod` → (that class, None), registered or not.
    """
    points = registered(kind)
    head, colon, argument = name.partition(":")
    if head in points:
        plugin = points[head].load()
        if bool(colon and argument) != bool(getattr(plugin, "takes_argument", False)):
            wanted = f"{head}:ARGUMENT" if not colon else head
            raise BenchError(f"'{name}' is not how {head} is named: write {wanted}.")
        return plugin, argument or None
    if colon:
        return _import(kind, head, argument), None
    raise BenchError(f"There is no {kind[:-1]} '{name}'.{did_you_mean(name, points)}")


def _import(kind: str, module: str, attribute: str) -> Any:
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is not None and not module.startswith(error.name):
            raise
        raise BenchError(
            f"There is no {kind[:-1]} '{module}:{attribute}': no registered name and no importable "
            f"module '{module}'.{did_you_mean(module, registered(kind))}"
        ) from None
    except AttributeError:
        raise BenchError(f"Module '{module}' has no '{attribute}'.") from None
