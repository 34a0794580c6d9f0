"""Adds a function of one options object as a command with the options' fields as parameters.

    class VerifyOptions(Options):
        folder: Annotated[Path, Field(description="A split …"), Cli(positional=True)]

    def verify(options: VerifyOptions) -> int: ...

    add_command(app, "verify", verify)

So an option is declared once for the command line and for Python. Every command also has the
options that may precede or follow its name (`--workspace`, `--debug`).
"""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer
from pydantic.fields import FieldInfo

from egoactgen_bench.api.options import Cli, Options, validated
from egoactgen_bench.cli.shared_options import DebugOption, WorkspaceOption

Command = Callable[[Any], int | None]


def add_command(app: typer.Typer, name: str, function: Command) -> None:
    """Add `function`, which takes one options object, to the program as the command `name`."""
    app.command(name)(expanded(function, name))


def expanded(function: Command, name: str) -> Callable[..., int | None]:
    """`function` with the fields of its options as parameters for Typer."""
    options: type[Options] = next(iter(get_type_hints(function).values()))
    fields = {key: field for key, field in options.model_fields.items() if not _cli(field).hidden}

    def call(**values: Any) -> int | None:
        given = {key: values[key] for key in fields if values[key] is not None}
        return function(validated(options, given, lambda key, _: _named(options, key)))

    parameters = [_parameter(key, field) for key, field in fields.items()]
    parameters += [
        _keyword("workspace", WorkspaceOption, None),
        _keyword("debug", DebugOption, False),
    ]
    call.__name__ = function.__name__
    call.__doc__ = function.__doc__
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _parameter(key: str, field: FieldInfo) -> inspect.Parameter:
    how = _cli(field)
    shown: dict[str, Any] = {
        "help": field.description,
        "metavar": how.metavar,
        "envvar": how.envvar,
        "show_default": how.show_default,
        "rich_help_panel": how.panel,
        **_bounds(field),
    }
    kind: Any = how.kind or field.annotation
    if how.positional:
        made: Any = typer.Argument(**shown)
    else:
        made = typer.Option(*_flags(key, field), **shown)
    if field.is_required():
        return _keyword(key, Annotated[kind, made], inspect.Parameter.empty)
    default = field.get_default(call_default_factory=True)
    if how.kind is not None or isinstance(default, dict | tuple):
        default = ",".join(default) if default and how.kind is str else None
        kind = kind | None
    return _keyword(key, Annotated[kind, made], default)


def _named(options: type[Options], key: str) -> str:
    """The name of an invalid field on the command line: `--ids`, `IMAGE|SAMPLE_ID`."""
    name, *_ = key.split(".")
    field = options.model_fields[name]
    if _cli(field).positional:
        return _cli(field).metavar or name.upper()
    return _flags(name, field)[-1]


def _flags(key: str, field: FieldInfo) -> tuple[str, ...]:
    return _cli(field).flags or (f"--{key.replace('_', '-')}",)


def _keyword(key: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _cli(field: FieldInfo) -> Cli:
    return next((each for each in reversed(field.metadata) if isinstance(each, Cli)), Cli())


def _bounds(field: FieldInfo) -> dict[str, Any]:
    """The bounds of a field as Typer's `min` and `max`."""
    found = {}
    for rule in field.metadata:
        for name, bound in (("ge", "min"), ("le", "max")):
            if getattr(rule, name, None) is not None:
                found[bound] = getattr(rule, name)
    return found
