"""Options as visible parameters: `help(run)` lists every field of `RunOptions`."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from egoactgen_bench.api.options import Cli, Options

Function = TypeVar("Function", bound=Callable[..., Any])


def accepts(options: type[Options]) -> Callable[[Function], Function]:
    """Replace `**choices` in a function's signature by the fields of `options`, for its readers.

    The function is called unchanged: its `choices` are validated as fields of `options`.
    """

    def decorate(function: Function) -> Function:
        declared = inspect.signature(function, eval_str=True)
        own = [p for p in declared.parameters.values() if p.kind is not p.VAR_KEYWORD]
        names = {parameter.name for parameter in own}
        shown = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.get_default(call_default_factory=True),
                annotation=field.annotation,
            )
            for name, field in options.model_fields.items()
            if name not in names and not any(_hidden(each) for each in field.metadata)
        ]
        function.__signature__ = declared.replace(  # type: ignore[attr-defined]
            parameters=[*own, *shown]
        )
        return function

    return decorate


def _hidden(metadata: object) -> bool:
    return isinstance(metadata, Cli) and metadata.hidden
