"""Options as typed fields, which are declared once.

A plug-in's options are set by `-o key=value` and recorded with all defaults. A stage's options are
the arguments of its Python function, and the command line is generated from the same fields; `Cli`
controls how a field appears there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from egoactgen_bench.api.option_errors import in_words
from egoactgen_bench.errors import BenchError, did_you_mean


@dataclass(frozen=True)
class Cli:
    """How a field appears on the command line; the default is `--its-name`.

    `flags` are its names. `kind` is the type that the command line reads, if a validator converts
    it to the field's type. A `positional` field is an argument; one that has `flags`, too, may be
    given either way. `choices` are all accepted values. `names` says what the values are names of:
    a kind of plug-ins, splits, runs, studies or purposes. The shell completes both; unknown choices
    and plug-ins are refused before anything is imported. `hidden` fields exist only in Python.
    Fields of one `panel` are listed together.
    """

    flags: tuple[str, ...] = ()
    metavar: str | None = None
    kind: Any = None
    positional: bool = False
    choices: tuple[str, ...] = ()
    names: str | None = None
    hidden: bool = False
    envvar: str | None = None
    show_default: bool | str = True
    panel: str | None = None


class Options(BaseModel):
    """Base of all options: each field has a type, a default and a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=Options)


def parse_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """`["steps=100"]` → `{"steps": "100"}`."""
    parsed: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BenchError(f"'-o {pair}' does not have the form key=value.")
        if key in parsed:
            raise BenchError(f"Option '{key}' is given twice.")
        parsed[key] = value
    return parsed


def _as_pairs(value: Any) -> Any:
    """Accept `["steps=100"]` for a dictionary, and None for an empty one."""
    if value is None:
        return {}
    if isinstance(value, list | tuple) and all(isinstance(pair, str) for pair in value):
        value = parse_pairs(value)
    if not isinstance(value, Mapping):
        raise ValueError("give a dictionary of options, or a list of 'key=value'")
    # NumPy's scalars, which are natural in a notebook, cannot be written as JSON.
    return {key: _without_numpy(each) for key, each in value.items()}


def _without_numpy(value: Any) -> Any:
    return value.item() if type(value).__module__ == "numpy" and not value.shape else value


def _as_words(value: Any) -> Any:
    """Accept `"a,b"` and `["a,b", "c"]` for a sequence of words."""
    if value is None or not isinstance(value, str | Sequence):
        return value
    given = [value] if isinstance(value, str) else value
    return tuple(
        word for each in given for word in (_split(each) if isinstance(each, str) else [each])
    )


def _split(text: str) -> list[str]:
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found:
        raise ValueError(f"'{text}' is an empty list: give one name, or several as a,b,c")
    return found


# Options of a plug-in, as a dictionary or as `key=value`.
Pairs = Annotated[dict[str, Any], BeforeValidator(_as_pairs), Cli(("-o",), "KEY=VALUE", list[str])]
# Names, repeated or separated by commas.
Words = Annotated[tuple[str, ...], BeforeValidator(_as_words)]


def chosen(options: type[T], given: T | None, choices: Mapping[str, Any], owner: str) -> T:
    """The options `given`, with `choices` replacing some of them, validated."""
    if given is not None and not isinstance(given, options):
        raise BenchError(
            f"settings must be {options.__name__}(…), not {type(given).__name__}; options can "
            "also be passed as keywords."
        )
    known = {name: getattr(given, name) for name in options.model_fields} if given else {}
    if given is not None and not choices and isinstance(given, options):
        return given
    return resolve(options, known | dict(choices), owner)


def resolve(options: type[T], values: dict[str, Any], owner: str) -> T:
    """Validate `values`. Raises `BenchError` for an unknown key or an invalid value."""
    for key in values:
        if key not in options.model_fields:
            raise BenchError(
                f"{owner} has no option '{key}'.{did_you_mean(key, options.model_fields)}"
            )
    return validated(options, values, lambda key, value: f"{owner}: option {key}={value}")


def validated(options: type[T], values: dict[str, Any], named: Callable[[str, Any], str]) -> T:
    """Validate `values` of known keys. Raises `BenchError`, beginning with `named(key, value)`."""
    try:
        return options.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = named(".".join(map(str, first["loc"])), first["input"])
        raise BenchError(f"{option}: {in_words(first['msg'])}.") from None


def describe(options: type[Options]) -> list[tuple[str, str, str, str]]:
    """(name, type with its range, default, description) of each option, as readable text."""
    return [
        (name, _type_text(field), _default_text(field), field.description or "")
        for name, field in options.model_fields.items()
    ]


def _type_text(field: FieldInfo) -> str:
    bounds = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in bounds.items()
        if getattr(rule, name, None) is not None
    ]
    return ", ".join([_name(field.annotation), *limits])


def _name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return _name(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return "|".join(_name(part) for part in get_args(annotation))
    if annotation is NoneType:
        return "none"
    return str(getattr(annotation, "__name__", annotation)).lower()


def _default_text(field: FieldInfo) -> str:
    return "required" if field.is_required() else str(field.get_default(call_default_factory=True))
