"""Finds plug-ins, built-in and third-party: data sets, methods, metrics, trainers and others."""

import importlib
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from egoactgen_bench.errors import BenchError, did_you_mean

KINDS = ("datasets", "methods", "metrics", "trainers", "converters", "commands")


def registered(kind: str) -> dict[str, EntryPoint]:
    """The entry points of one kind by name, sorted, without importing them.

    `kind` is one of `KINDS`, or the group of a plug-in that has plug-ins of its own, such as
    `egoactgen_lego.feature_kinds`.
    """
    points = entry_points(group=kind if "." in kind else f"egoactgen_bench.{kind}")
    return {point.name: point for point in sorted(points, key=lambda point: point.name)}


def is_registered(plugin: type[Any]) -> bool:
    """Whether a class has an entry point; imports nothing."""
    return ":" not in registered_name(plugin)


def registered_name(plugin: type[Any]) -> str:
    """The registered name of a class, or `module:Class`; imports nothing."""
    place = f"{plugin.__module__}:{plugin.__qualname__}"
    points = (point for kind in KINDS for point in registered(kind).values())
    return next((point.name for point in points if point.value == place), place)


def load(kind: str, name: str) -> tuple[Any, str | None]:
    """Load a plug-in class by name, and return it with the argument after a colon, if any.

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
        raise BenchError(f"'{name}' does not name a {_noun(kind)}: write {wanted}.")
    return plugin, argument or None


def check_name(kind: str, name: str) -> None:
    """Raise `BenchError` for a name that is neither registered nor `module:Class`.

    Imports nothing: a misspelled name is reported before any library is loaded.
    """
    points = registered(kind)
    head, colon, _ = name.partition(":")
    if head not in points:
        _check_form(kind, name)
    if head not in points and not colon:
        raise BenchError(f"Unknown {_noun(kind)} '{name}'.{did_you_mean(name, points)}")


def find(kind: str, name: str) -> Any:
    """The plug-in class of a registered name, with or without argument, or of `module:Class`."""
    check_name(kind, name)
    points = registered(kind)
    head, _, attribute = name.partition(":")
    try:
        if head in points:
            return points[head].load()
        _look_here_for(head)
        module = importlib.import_module(head)
    # SystemExit as well: a script that calls sys.exit() would end this program.
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and head.startswith(error.name or head):
            raise BenchError(
                f"Unknown {_noun(kind)} '{name}': no registered name and no importable module "
                f"'{head}'.{did_you_mean(head, points)}"
            ) from None
        raise BenchError(
            f"The {_noun(kind)} '{name}' cannot be loaded ({_reason(error, head)})."
        ) from error
    if not hasattr(module, attribute):
        raise BenchError(
            f"The {_noun(kind)} '{name}' cannot be loaded: {_missing(module, head, attribute)}"
        )
    return getattr(module, attribute)


def _check_form(kind: str, name: str) -> None:
    """Refuse a name that is almost `module:Class`, with the right form."""
    head, colon, attribute = name.partition(":")
    module = re.sub(r"[/\\]+", ".", re.sub(r"^(\./)+", "", head.strip())).removesuffix(".py")
    attribute = attribute.strip()
    if not colon and _here(module):
        attribute = "Class"
    elif not colon and "." in module and _here(module.rpartition(".")[0]):
        module, _, attribute = module.rpartition(".")
    elif not colon:
        module = head.strip()
    right = f"{module}:{attribute}" if attribute else module
    if colon and not (module.strip(".") and attribute):
        right = "module:Class"
    if Path(head).is_absolute():
        right = f"{Path(head).stem}:{attribute or 'Class'}, in the folder {Path(head).parent}"
    if right != name:
        raise BenchError(f"'{name}' does not name a {_noun(kind)}: write {right}.")


def _here(module: str) -> Path | None:
    """The file of a module in the current folder, if there is one."""
    path = Path.cwd().joinpath(*module.split("."))
    files = (path.with_name(f"{path.name}.py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None) if module else None


def _reason(error: BaseException, head: str) -> str:
    if isinstance(error, SystemExit):
        return f"importing {head} calls sys.exit()"
    return f"{type(error).__name__}: {error}"


def _missing(module: ModuleType, head: str, attribute: str) -> str:
    """Why a module does not have a class."""
    here, file = _here(head), getattr(module, "__file__", None)
    if here and (file is None or not Path(file).exists() or not here.samefile(file)):
        return f"Python has a module '{head}' of its own; rename {here.name}."
    classes = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    return f"{head} has no class '{attribute}'.{did_you_mean(attribute, classes)}"


def find_any(name: str) -> Any:
    """The plug-in class named as `module:Class`, of any kind."""
    return find("plug-ins", name)


def _noun(kind: str) -> str:
    """A kind's noun in messages: `methods` → method, `….feature_kinds` → feature kind."""
    return kind.rpartition(".")[2].removesuffix("s").replace("_", " ")


class _CurrentFolder:
    """Finds one top-level package in the folder where the program was started.

    A console script does not search there. The folder must not come first for all imports, as a
    file `random.py` in it would replace Python's module everywhere.
    """

    def __init__(self, package: str, folder: str) -> None:
        self.package = package
        self.folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find only this package; its submodules are then found in it."""
        return PathFinder.find_spec(name, [self.folder]) if name == self.package else None


def _look_here_for(module: str) -> None:
    """Let `module` be imported from the current folder and, with lowest priority, its imports."""
    here = Path.cwd()
    package = module.partition(".")[0]
    if _here(module):
        known = [(f.package, f.folder) for f in sys.meta_path if isinstance(f, _CurrentFolder)]
        if (package, str(here)) not in known:
            sys.meta_path.insert(0, _CurrentFolder(package, str(here)))
    if str(here) not in sys.path:
        sys.path.append(str(here))
