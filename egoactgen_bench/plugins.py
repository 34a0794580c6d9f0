"""Finding plug-ins: data sets, methods, metrics, converters, commands; ours and strangers'."""

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError, did_you_mean

KINDS = ("datasets", "methods", "metrics", "converters", "commands")


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
    """The plug-in class of a registered name, without argument, or of `module:Class`."""
    points = registered(kind)
    if name in points:
        return points[name].load()
    module, colon, attribute = name.partition(":")
    if colon and module in points:
        return points[module].load()
    if colon:
        return _import(kind, module, attribute)
    raise BenchError(f"There is no {kind[:-1]} '{name}'.{did_you_mean(name, points)}")


def _import(kind: str, module: str, attribute: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:  # a console script, unlike `python -m`, does not look there
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is not None and module.startswith(error.name):
            raise BenchError(
                f"There is no {kind[:-1]} '{module}:{attribute}': no registered name and no "
                f"importable module '{module}'.{did_you_mean(module, registered(kind))}"
            ) from None
        raise BenchError(f"Importing '{module}' failed: {error}.") from error
    except AttributeError as error:
        if getattr(error, "obj", None) is not sys.modules.get(module):
            raise BenchError(f"Importing '{module}' failed: {error}.") from error
        raise BenchError(f"Module '{module}' has no '{attribute}'.") from None
    except Exception as error:
        raise BenchError(
            f"Importing '{module}' failed: {type(error).__name__}: {error}."
        ) from error
