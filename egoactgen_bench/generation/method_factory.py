"""Builds a method from its name and options."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.options import resolve
from egoactgen_bench.support.devices import check_dtype, resolve_device


def build(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    weights: str | None = None,
    context: MethodContext | None = None,
    local_rank: int = 0,
) -> Method[Any]:
    """Build the method `name` without loading it. Raises `BenchError` for an invalid choice.

    `weights` is a path or a name in `context.models`. `context.device` may be "auto". The weights
    and argument of `context` are set here.
    """
    context = context or MethodContext(device="auto")
    check_dtype(context.dtype)
    found, argument = plugins.load("methods", name)
    plugins.require_subclass(found, Method, name)
    path = found.find_weights(weights, context.models)
    given = dict(options or {})
    resolved = resolve(found.Options, found.suggested(path, given) | given, name)
    device = resolve_device(context.device, local_rank) if found.uses_device else "cpu"
    built: Method[Any] = found(
        resolved, replace(context, weights=path, argument=argument, device=device)
    )
    return built
