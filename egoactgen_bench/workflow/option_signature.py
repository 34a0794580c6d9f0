"""Options as visible keywords: `help(run)` lists and explains every field of `RunOptions`."""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.errors import BenchError, did_you_mean

Function = TypeVar("Function", bound=Callable[..., Any])


def accepts(options: type[Options]) -> Callable[[Function], Function]:
    """Show the fields of `options` in place of a function's `**choices`, and check its keywords.

    The function validates its `choices` as fields of `options` itself.
    """

    def decorate(function: Function) -> Function:
        declared = inspect.signature(function, eval_str=True)
        own = [p for p in declared.parameters.values() if p.kind is not p.VAR_KEYWORD]
        names = {parameter.name for parameter in own}
        fields = {
            name: field
            for name, field in options.model_fields.items()
            if name not in names and not any(map(_hidden, field.metadata))
        }
        shown = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.get_default(call_default_factory=True),
                annotation=_plain(field.annotation),
            )
            for name, field in fields.items()
        ]
        known = [*names, *fields]

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for name in kwargs.keys() - names - options.model_fields.keys():
                raise BenchError(
                    f"{function.__name__}() has no keyword '{name}'.{did_you_mean(name, known)}"
                    + (f" Options of a plug-in are passed as {OWN}." if "options" in fields else "")
                )
            return function(*args, **kwargs)

        call.__signature__ = declared.replace(  # type: ignore[attr-defined]
            parameters=[*own, *shown]
        )
        call.__doc__ = _explained(function.__doc__ or "", options, fields)
        return call  # type: ignore[return-value]

    return decorate


OWN = "options={'name': value}"


def _explained(text: str, options: type[Options], fields: dict[str, FieldInfo]) -> str:
    """A docstring with a section that describes the options."""
    title = f"\n\n    Options, as keywords or as fields of `{options.__name__}`:\n"
    lines = [f"        {name}: {_described(field)}" for name, field in fields.items()]
    before, heading, after = text.partition("\n\n    Returns:")
    if not heading:
        before, heading, after = text.partition("\n\n    Raises:")
    return before.rstrip() + title + "\n".join(lines) + heading + after


def _described(field: FieldInfo) -> str:
    """What an option means, and its default unless that is nothing or described already."""
    text = (field.description or "").rstrip(".") + "."
    default = field.get_default(call_default_factory=True)
    if field.is_required() or default in (None, (), {}) or "(default" in text:
        return text
    return f"{text} Default: {default!r}."


def _plain(annotation: Any) -> Any:
    """The type that a caller may pass, without what validates it."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(_plain(part) for part in get_args(annotation))]  # noqa: UP007
    if annotation == tuple[str, ...]:
        return str | Sequence[str]
    return NoneType if annotation is None else annotation


def _hidden(metadata: object) -> bool:
    return isinstance(metadata, Cli) and metadata.hidden
