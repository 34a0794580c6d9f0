"""Parameters of the command line for fields of options: names, readable types, ranges, choices."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.completion import completer

LONGEST_LINE = 20  # characters of choices
METAVARS = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}


def parameters(key: str, field: FieldInfo) -> list[inspect.Parameter]:
    """The parameters of a field: an argument, an option, or one of each."""
    how = cli_of(field)
    if not how.positional:
        return [_parameter(key, field, typer.Option)]
    if not how.flags:
        return [_parameter(key, field, typer.Argument)]
    return [
        _parameter(argument_of(key), field, typer.Argument, optional=True),
        _parameter(key, field, typer.Option, optional=True),
    ]


def argument_of(key: str) -> str:
    """The name of the argument of a field that may also be given as an option."""
    return f"{key}_argument"


def given_as(key: str, field: FieldInfo) -> str:
    """What the user sees as the name of a field: `--ids`, `IMAGE|SAMPLE_ID`."""
    how = cli_of(field)
    if how.positional:
        return how.metavar or key.upper()
    return _flags(key, field)[0]


def keyword(key: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def cli_of(field: FieldInfo) -> Cli:
    return next((each for each in reversed(field.metadata) if isinstance(each, Cli)), Cli())


def is_words(annotation: Any) -> bool:
    """Whether a field is a list of names, given as `a,b` or by repeating the option."""
    return annotation == tuple[str, ...] or any(map(is_words, _members(annotation)))


def _parameter(key: str, field: FieldInfo, made: Any, optional: bool = False) -> inspect.Parameter:
    how = cli_of(field)
    flags = () if made is typer.Argument else _flags(key, field)
    kind: Any = how.kind or (list[str] if is_words(field.annotation) else field.annotation)
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    converted = kind is not field.annotation or isinstance(default, dict | tuple)
    found = made(
        *flags,
        help=_help(field, made, optional),
        metavar=_metavar(field, how),
        envvar=how.envvar,
        show_default=how.show_default,
        rich_help_panel=how.panel,
        autocompletion=completer(how.names, _choices(field, how)),
    )
    if field.is_required() and not optional:
        return keyword(key, Annotated[kind, found], inspect.Parameter.empty)
    if is_words(field.annotation) and default:
        default = list(default)
    elif converted or optional:
        default, kind = None, kind | None
    return keyword(key, Annotated[kind, found], default)


def _help(field: FieldInfo, made: Any, optional: bool) -> str:
    text = field.description or ""
    if optional and made is typer.Option:
        return "The same as the argument."
    return f"{text} {limits}".strip() if (limits := _limits(field)) else text


def _metavar(field: FieldInfo, how: Cli) -> str | None:
    choices = _choices(field, how)
    if how.metavar is None and choices:
        return f"[{_folded(choices)}]{',…' if is_words(field.annotation) else ''}"
    if how.metavar is not None or how.positional:
        return how.metavar
    kinds = [part for part in (field.annotation, *_members(field.annotation)) if part in METAVARS]
    return METAVARS[kinds[0]] if kinds else None


def _folded(choices: Sequence[str]) -> str:
    """`a|b|c`, in several lines if it is long: the table would break it within a word."""
    lines = [""]
    for number, choice in enumerate(choices):
        text = choice + "|" * (number < len(choices) - 1)
        if lines[-1] and len(lines[-1]) + len(text) > LONGEST_LINE:
            lines.append("")
        lines[-1] += text
    return "\n".join(lines)


def _choices(field: FieldInfo, how: Cli) -> Sequence[str]:
    if get_origin(field.annotation) is Literal:
        return get_args(field.annotation)
    return how.choices


def _members(annotation: Any) -> list[Any]:
    """The types of a union, without what validates them."""
    if get_origin(annotation) not in (Union, UnionType):
        return []
    parts = [part for part in get_args(annotation) if part is not NoneType]
    return [get_args(part)[0] if get_origin(part) is Annotated else part for part in parts]


def _limits(field: FieldInfo) -> str:
    """The range of a number that is narrower than its kind suggests: `[16 or more]`."""
    found = {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(rule, name, None) is not None
    }
    low = found.get("ge", found.get("gt"))
    high = found.get("le", found.get("lt"))
    if low is not None and high is not None:
        return f"\\[{low} to {high}]"
    if high is not None:
        return f"\\[at most {high}]"
    return f"\\[at least {low}]" if low is not None and "ge" in found and low > 1 else ""


def _flags(key: str, field: FieldInfo) -> tuple[str, ...]:
    return cli_of(field).flags or (f"--{key.replace('_', '-')}",)
