"""Builds a method from its name and options."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from egoactgen_bench.api import plugins, toy_weights
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.options import resolve
from egoactgen_bench.api.plugin_calls import call, called
from egoactgen_bench.api.plugin_code import code_sources
from egoactgen_bench.api.plugin_declarations import build_plugin, require_subclass
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.devices import AUTO, check_dtype, resolve_device


def build(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    weights: str | None = None,
    context: MethodContext | None = None,
    dataset: str | None = None,
    local_rank: int = 0,
) -> Method[Any]:
    """Build the method `name` without loading it. Raises `BenchError` for an invalid choice.

    `weights` is a path or a name in `context.models`. `context.device` may be "auto". The weights
    and argument of `context` are set here. `dataset` is that of the frames to come, None for an
    image without one: a default of toy weights is refused unless it is a toy data set. A `dtype` of
    "auto" is the method's default on the device.
    """
    context = context or MethodContext(device="auto")
    if context.dtype != AUTO:
        check_dtype(context.dtype)
    found, argument = plugins.load("methods", name)
    found = require_subclass(found, Method, name)
    path = call(found, "find_weights", weights, context.models)
    if weights is None:
        toy_weights.require_named(name, path, dataset, "--weights ")
    given = dict(options or {})
    resolved = resolve(found.Options, call(found, "suggested", path, given) | given, name)
    device = resolve_device(context.device, local_rank) if found.uses_device else "cpu"
    dtype = context.dtype
    if dtype == AUTO:
        dtype = call(found, "default_dtype", device)
        check_dtype(dtype)
    there = replace(context, weights=path, argument=argument, device=device, dtype=dtype)
    return build_plugin(found, resolved, there)


def semantic_options(method: Method[Any]) -> dict[str, Any]:
    """The options that affect the images, as JSON values."""
    dumped: dict[str, Any] = method.options.model_dump(
        mode="json", exclude=set(method.non_semantic_options)
    )
    return dumped


def without_secrets(method: Method[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as passed, without those that must not be recorded (`Field(exclude=True)`)."""
    fields = type(method.options).model_fields
    return {key: value for key, value in options.items() if not fields[key].exclude}


def weight_files(method: Method[Any]) -> list[Path]:
    """The files of `method.weight_files`. Raises `BenchError` for one that does not exist."""
    files: list[Path] = call(method, "weight_files")
    for path in files:
        if not path.is_file():
            raise BenchError(f"{called(method)}.weight_files names {path}, which is not a file.")
    return files


def uses_toy_weights(method: Method[Any], dataset: str | None) -> bool:
    """Whether a method uses toy weights on frames of another data set than a toy one."""
    return not toy_weights.is_toy_dataset(dataset) and bool(call(method, "uses_toy_weights"))


def sources(method: Method[Any]) -> dict[str, str]:
    """The inputs of `method.sources`, and its code if it is not a registered method."""
    found: dict[str, str] = call(method, "sources")
    return found | code_sources(type(method))
