"""Adds a function of one options object as a command with the options' fields as parameters.

    class VerifyOptions(Options):
        folder: Annotated[Path, Field(description="A split …"), Cli(positional=True)]

    def verify(options: VerifyOptions) -> int: ...

    add_command(app, "verify", verify, ["bench verify workspace/splits/toy-kitchen"])

So an option is declared once for the command line and for Python. Every command also has the
options that may precede or follow its name (`--workspace`, `--debug`).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

import typer
from pydantic.fields import FieldInfo

from egoactgen_bench.api import plugins
from egoactgen_bench.api.options import Cli, Options, validated
from egoactgen_bench.cli.help_pages import HelpCommand, epilog
from egoactgen_bench.cli.parameters import (
    argument_of,
    cli_of,
    given_as,
    is_words,
    keyword,
    parameters,
)
from egoactgen_bench.cli.shared_options import DebugOption, WorkspaceOption
from egoactgen_bench.errors import BenchError, did_you_mean

Command = Callable[[Any], int | None]


def add_command(
    app: typer.Typer,
    name: str,
    function: Command,
    examples: Sequence[str] = (),
    panel: str | None = None,
) -> None:
    """Add `function`, which takes one options object, to the program as the command `name`.

    Its help ends with the examples. Commands of one `panel` are listed together.
    """
    add = app.command(name, cls=HelpCommand, epilog=epilog(examples), rich_help_panel=panel)
    add(expanded(function))


def expanded(function: Command) -> Callable[..., int | None]:
    """`function` with the fields of its options as parameters for Typer."""
    options: type[Options] = next(iter(get_type_hints(function).values()))
    fields = {key: field for key, field in options.model_fields.items() if not cli_of(field).hidden}

    def call(**values: Any) -> int | None:
        given = {key: _value(key, field, values) for key, field in fields.items()}
        given = {key: value for key, value in given.items() if value is not None}
        return function(validated(options, given, lambda key, word: _named(options, key, word)))

    shown = [each for key, field in fields.items() for each in parameters(key, field)]
    shown += [keyword("workspace", WorkspaceOption, None), keyword("debug", DebugOption, False)]
    call.__name__ = function.__name__
    call.__doc__ = function.__doc__
    call.__annotations__ = {each.name: each.annotation for each in shown}
    call.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return call


def _value(key: str, field: FieldInfo, values: Mapping[str, Any]) -> Any:
    """The value of a field, which may be given as an argument, an option, or both if equal."""
    value, argument = values[key], values.get(argument_of(key))
    how = cli_of(field)
    if argument:
        if is_words(field.annotation):
            value = [*argument, *(value or ())]
        elif value not in (None, argument):
            raise BenchError(f"{given_as(key, field)} is given twice: '{argument}' and '{value}'.")
        else:
            value = argument
    if value is None and field.is_required():
        raise BenchError(f"Missing {given_as(key, field)}. --help shows an example.")
    for word in _words(value) if how.choices or how.names in plugins.KINDS else ():
        _check_word(key, word, how)
    return value


def _check_word(key: str, word: str, how: Cli) -> None:
    """Refuse an unknown name now: later checks follow the import of PyTorch."""
    if how.names in plugins.KINDS:
        plugins.check_name(how.names, word)
    elif word not in how.choices:
        what = key.replace("_", " ").removesuffix("s")
        raise BenchError(f"Unknown {what} '{word}'.{did_you_mean(word, how.choices)}")


def _words(value: Any) -> list[str]:
    given = [value] if isinstance(value, str) else value or []
    return [word.strip() for each in given for word in each.split(",") if word.strip()]


def _named(options: type[Options], key: str, value: Any) -> str:
    """An invalid value as it was given: `--limit 0`, `IMAGE|SAMPLE_ID`."""
    name, *_ = key.split(".")
    shown = given_as(name, options.model_fields[name])
    return f"{shown} {value}" if isinstance(value, int | float) else shown
