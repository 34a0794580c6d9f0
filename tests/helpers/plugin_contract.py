"""Declarations of every kind of plug-in: base class, summary, packages, weights, options."""

import inspect
from typing import Any

import typer

from egoactgen_bench.api.converter import Converter
from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.method import Method
from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.options import Options, resolve
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.api.trainer import Trainer
from egoactgen_bench.errors import BenchError
from egoactgen_lego.features.feature_kind import FeatureKind

FEATURE_KINDS = "egoactgen_lego.feature_kinds"
BASES: dict[str, type] = {
    "datasets": Dataset,
    "methods": Method,
    "metrics": Metric,
    "trainers": Trainer,
    "converters": Converter,
    FEATURE_KINDS: FeatureKind,
}


def check_declared(kind: str, name: str, plugin: Any) -> None:
    """Check the declarations of a class of a kind; `name` is that of its entry point."""
    base = BASES[kind]
    assert isinstance(plugin, type) and issubclass(plugin, base), f"not a subclass of {base}"
    assert not inspect.isabstract(plugin), f"abstract: {sorted(plugin.__abstractmethods__)}"
    _check_summary(plugin)
    _check_packages(getattr(plugin, "packages", ()))
    published = getattr(plugin, "published_weights", ())
    assert isinstance(published, tuple), "published_weights is not a tuple"
    assert all(isinstance(weights, PublishedWeights) for weights in published)
    names = [weights.name for weights in published]
    assert len(set(names)) == len(names), "published_weights repeats a name"
    if kind in ("datasets", "metrics", FEATURE_KINDS):
        assert plugin.name == name, f"its attribute `name` is '{plugin.name}'"
    if hasattr(plugin, "Options"):
        _check_options(plugin.Options)
    if kind == "trainers":
        _check_trainer(plugin)


def _check_summary(plugin: type) -> None:
    """A docstring that is not inherited; lists print its first line."""
    text = vars(plugin).get("__doc__") or ""
    first = text.strip().partition("\n")[0]
    assert first.endswith("."), f"the docstring's first line is not a sentence: {first!r}"


def _check_packages(packages: Any) -> None:
    assert isinstance(packages, tuple), "packages is not a tuple of names"
    assert all(isinstance(package, str) and package for package in packages)


def _check_options(options: Any) -> None:
    assert isinstance(options, type) and issubclass(options, Options)
    for name, field in options.model_fields.items():
        assert field.description, f"option '{name}' has no description"
        assert not field.is_required(), f"option '{name}' has no default"


def _check_trainer(plugin: type[Trainer[Any]]) -> None:
    known = plugin.Options.model_fields.keys()
    assert plugin.non_semantic_options <= known, "non_semantic_options names no option of its own"
    for preset, values in plugin.presets.items():
        try:
            resolve(plugin.Options, dict(values), f"preset {preset}")
        except BenchError as error:
            raise AssertionError(str(error)) from error


def check_commands(register: Any) -> None:
    """Check that a command plug-in adds commands with help to the program."""
    app = typer.Typer()
    register(app)
    added = [*app.registered_commands, *app.registered_groups]
    assert added, "it adds no command"
    for command in typer.main.get_group(app).commands.values():
        assert command.help, f"command '{command.name}' has no help"
