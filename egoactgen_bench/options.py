"""A plug-in's own options: typed fields, filled from `-o key=value`, recorded resolved."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

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
