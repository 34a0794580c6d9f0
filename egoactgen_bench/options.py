"""A plug-in's own options: typed fields, filled from `-o key=value`, recorded resolved."""

from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from egoactgen_bench.errors import BenchError, did_you_mean


class Options(BaseModel):
    """Base of a plug-in's options: each field has a type, a default and a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=Options)


def parse_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """`["steps=100"]` → `{"steps": "100"}`."""
    parsed: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BenchError(f"'-o {pair}' is not of the form key=value.")
        if key in parsed:
            raise BenchError(f"Option '{key}' is given twice.")
        parsed[key] = value
    return parsed


def resolve(options: type[T], values: dict[str, Any], owner: str) -> T:
    """Validate `values` into `options`; unknown keys and wrong values are one clear sentence."""
    for key in values:
        if key not in options.model_fields:
            raise BenchError(
                f"{owner} has no option '{key}'.{did_you_mean(key, options.model_fields)}"
            )
    try:
        return options.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise BenchError(
            f"{owner}: option {key}={first['input']}: {first['msg'].removeprefix('Value error, ')}."
        ) from None


def describe(options: type[Options]) -> list[tuple[str, str, str, str]]:
    """(name, type with its range, default, description) of each option, as text for people."""
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
    if get_origin(annotation) in (Union, UnionType):
        return "|".join(_name(part) for part in get_args(annotation))
    if annotation is NoneType:
        return "none"
    return str(getattr(annotation, "__name__", annotation)).lower()


def _default_text(field: FieldInfo) -> str:
    return "required" if field.is_required() else str(field.get_default(call_default_factory=True))
